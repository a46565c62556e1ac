// One emulation from end to end, as the worker does it: walks through a body and all that is packed in
// it, gives each content to its analyser, runs scripts, and does the same with what they write. The
// outcome is that of the worst scope: a page, a document, a file of an archive.

import { createHash } from 'node:crypto';
import { fileSource, Ledger, memorySource, walk, type ByteSource, type Content } from 'weir/detect';
import { judgeCommand } from './command-line.ts';
import type { Analysis, AnalysisJob, FileDrop } from './analysis-job.ts';
import { contentKind, isPartOf, isProgramName, judgeName } from './content-kind.ts';
import { readRest, textOf, type ContentKind } from './content-kind.ts';
import { ENTRIES, judgeBasic } from './documents/basic.ts';
import { judgeRtf, judgeTable, OfficeDocument } from './documents/office.ts';
import { PdfDocument } from './documents/pdf.ts';
import { judgeProgram } from './documents/program.ts';
import { judgeInternetShortcut, judgeShortcut } from './documents/shortcut.ts';
import { Recorder, type BehaviourNode } from './report.ts';
import { readHtml } from './script/html.ts';
import { judgeOffer, type Findings } from './script/judge-offer.ts';
import { judgeScript } from './script/judge-script.ts';
import { runScripts, type HostKind, type ScriptDrop, type ScriptJob } from './script/sandbox.ts';
import { decodeScript } from './vbscript/encoded.ts';

const MAX_TEXT = 4 * 2 ** 20; // bytes of a script or page that is run
const MAX_DOCUMENT = 32 * 2 ** 20; // bytes of a document's part
const MAX_SCRIPT_FILES = 200; // files of one message whose scripts run
const MAX_DEPTH = 2; // of files written by files
const MAX_DROPS = 16;
const MAX_DROPPED_BYTES = 8 * 2 ** 20;
const TEXT_KINDS: ReadonlySet<ContentKind> = new Set([
  'html',
  'application',
  'javascript',
  'basic',
  'shell',
  'job',
  'table',
  'internet-shortcut',
]);

/** @throws {WeirError} `ERR_SPOOL` when the body cannot be read */
export async function analyse(job: AnalysisJob): Promise<Analysis> {
  const source =
    job.bytes === null
      ? await fileSource(job.file!)
      : memorySource(Buffer.from(job.bytes.buffer, job.bytes.byteOffset, job.bytes.byteLength));
  const analyser = new Analyser(job);
  try {
    await analyser.walk(source, job, analyser.top, job.name, 0);
  } finally {
    await source.close();
  }
  return analyser.result();
}

/** A document whose parts come one after the other. */
interface OpenDocument {
  readonly prefix: string;
  readonly recorder: Recorder;
  readonly document: OfficeDocument | PdfDocument;
}

class Analyser {
  readonly top: Recorder;
  readonly #job: AnalysisJob;
  readonly #scopes: Recorder[] = [];
  readonly #drops: FileDrop[] = [];
  #dropped = 0;
  #ran = 0;
  #type = '';

  constructor(job: AnalysisJob) {
    this.#job = job;
    this.top = Recorder.start(job.name === '' ? job.url : job.name);
  }

  result(): Analysis {
    const worst = this.#scopes.reduce((a, b) => (b.total > a.total ? b : a), this.top);
    return {
      tree: this.top.node,
      score: worst.total,
      reasons: worst.reasons,
      type: this.#type,
      drops: this.#drops,
      limits: this.top.limits,
    };
  }

  /** Walks through one file; scopes of what is in it are added under `parent`. */
  async walk(
    source: ByteSource,
    coding: { readonly contentEncoding?: string | undefined; readonly contentType?: string | undefined },
    parent: Recorder,
    name: string,
    depth: number,
  ): Promise<Findings> {
    const findings: Findings = { worst: 0, program: false, archive: false, image: false, encrypted: false };
    const ledger = new Ledger(this.#job.budget);
    const open: OpenDocument[] = [];
    const before = this.#scopes.length;
    for await (const content of walk(source, ledger, coding)) {
      while (open.length > 0 && !content.path.startsWith(open.at(-1)!.prefix))
        await this.#finish(open.pop()!, depth);
      await this.#content(content, coding, parent, name, depth, open, findings);
    }
    while (open.length > 0) await this.#finish(open.pop()!, depth);
    for (const { kind, path, detail } of ledger.troubles) {
      if (kind === 'encrypted') findings.encrypted = true;
      parent.limit(`${kind}: ${detail}${path === '' ? '' : ` in ${path}`}`);
    }
    for (const scope of this.#scopes.slice(before)) findings.worst = Math.max(findings.worst, scope.total);
    return findings;
  }

  async #content(
    content: Content,
    coding: { readonly contentType?: string | undefined },
    parent: Recorder,
    name: string,
    depth: number,
    open: OpenDocument[],
    findings: Findings,
  ): Promise<void> {
    const { path, type } = content;
    const own = path === '' ? name : (path.split(/!\/|\//).at(-1) ?? '');
    const iterator = content.chunks[Symbol.asyncIterator]();
    const first = (await iterator.next()).value as Buffer | undefined;
    const head = first === undefined ? Buffer.alloc(0) : Buffer.from(first); // valid until the next chunk only
    const declared = path === '' ? (coding.contentType ?? '').split(';')[0]!.trim().toLowerCase() : '';
    const kind = contentKind(type, head, own, declared);
    if (path === '') {
      if (depth === 0) this.#type = type?.name ?? (kind === 'none' ? 'unknown' : kind);
      findings.archive = ['zip', '7z', 'rar', 'cab', 'tar', 'gzip'].includes(type?.name ?? '');
      findings.image = type?.name === 'iso' || /\.(?:iso|img|vhd)$/i.test(own);
    }
    const within = open.at(-1);
    const isPart = within !== undefined && isPartOf(within.document instanceof PdfDocument, kind, path);
    if (kind === 'none' && !isPart) {
      if (isProgramName(own)) findings.program = true;
      return this.#named(parent, own, path);
    }
    const limit = TEXT_KINDS.has(kind) ? MAX_TEXT : MAX_DOCUMENT;
    const bytes = await readRest(head, iterator, limit);
    if (bytes === null) return parent.limit(`not emulated, larger than ${limit} bytes: ${own}`);
    if (isPart) return this.#part(within, path, kind, bytes);
    if (/^(?:program|shortcut|application|basic|job|internet-shortcut)$/.test(kind) || isProgramName(own))
      findings.program = true;
    if (kind === 'office' || kind === 'pdf') {
      const recorder = this.#scope(parent, kind, path === '' ? own || kind : path);
      const document =
        kind === 'pdf'
          ? new PdfDocument(recorder, recorder.node, bytes)
          : new OfficeDocument(recorder, recorder.node);
      open.push({ prefix: path === '' ? '' : `${path}!/`, recorder, document });
      return;
    }
    await this.#single(parent, kind, own, path, declared, bytes, depth);
  }

  /** Contents that no analyser is for may still have telling names. */
  #named(parent: Recorder, own: string, path: string): void {
    if (!isProgramName(own)) return;
    const recorder = this.#scope(parent, 'file', path === '' ? own : path);
    judgeName(recorder, recorder.node, own);
  }

  #part({ document, recorder, prefix }: OpenDocument, path: string, kind: ContentKind, bytes: Buffer): void {
    const inner = path.slice(prefix.length);
    if (document instanceof PdfDocument) {
      const keyword = /^stream at (\d+)$/.exec(inner)?.[1];
      if (keyword !== undefined) document.add(Number(keyword), bytes);
    } else document.add(inner, bytes);
    const packaged = /Ole10Native!\/(.+)$/.exec(inner)?.[1];
    if (kind === 'program' || kind === 'shortcut' || (packaged !== undefined && isProgramName(packaged))) {
      const node = recorder.add(recorder.node, 'file', packaged ?? inner);
      recorder.score(
        node,
        'embeds-program',
        document instanceof PdfDocument ? 50 : 70,
        `carries the program ${packaged ?? kind}`,
      );
      judgeName(recorder, node, packaged ?? '');
      if (kind === 'shortcut') judgeShortcut(recorder, node, bytes);
    }
  }

  async #finish({ document, recorder }: OpenDocument, depth: number): Promise<void> {
    if (document instanceof OfficeDocument) {
      const scripts = document.finish().map((basic) => ({ basic, entry: ENTRIES }));
      if (scripts.length > 0)
        await this.#run(
          recorder,
          document.node,
          { host: 'windows', scripts, name: 'file.doc', macro: true },
          depth,
        );
      return;
    }
    const { scripts, info } = document.finish();
    if (scripts.length > 0)
      await this.#run(recorder, document.node, { host: 'acrobat', scripts, info, name: 'file.pdf' }, depth);
  }

  async #single(
    parent: Recorder,
    kind: ContentKind,
    own: string,
    path: string,
    declared: string,
    bytes: Buffer,
    depth: number,
  ): Promise<void> {
    const recorder = this.#scope(parent, kind, path === '' ? own || kind : path);
    const { node } = recorder;
    judgeName(recorder, node, own);
    switch (kind) {
      case 'program':
        return judgeProgram(recorder, node, bytes);
      case 'shortcut':
        return judgeShortcut(recorder, node, bytes);
      case 'internet-shortcut':
        return judgeInternetShortcut(recorder, node, textOf(bytes));
      case 'rtf':
        return judgeRtf(recorder, node, bytes);
      case 'table':
        return judgeTable(recorder, node, textOf(bytes));
      case 'shell':
        return void judgeCommand(recorder, node, textOf(bytes));
      case 'basic':
        return this.#basic(recorder, own, decodeScript(textOf(bytes)), depth);
      case 'javascript':
        return this.#javascript(parent, recorder, own, declared, decodeScript(textOf(bytes)), depth);
      default:
        return this.#markup(recorder, kind, own, textOf(bytes), depth);
    }
  }

  async #basic(recorder: Recorder, own: string, code: string, depth: number): Promise<void> {
    judgeBasic(recorder, recorder.node, code, 'script');
    await this.#run(
      recorder,
      recorder.node,
      { host: 'windows', scripts: [{ basic: code, entry: ENTRIES }], name: own || 'script.vbs' },
      depth,
    );
  }

  /** A script by itself: a browser's, or one that Windows runs when it is opened. Both are tried. */
  async #javascript(
    parent: Recorder,
    recorder: Recorder,
    own: string,
    declared: string,
    code: string,
    depth: number,
  ): Promise<void> {
    const job = { scripts: [code], name: own === '' ? 'script.js' : own, url: this.#job.url };
    await this.#run(recorder, recorder.node, { ...job, host: 'windows' }, depth);
    if (!/\bWScript\b/.test(code) || declared.includes('javascript')) {
      const browser = this.#scope(parent, 'browser', own || 'script');
      await this.#run(browser, browser.node, { ...job, host: 'browser' }, depth);
    }
  }

  async #markup(
    recorder: Recorder,
    kind: ContentKind,
    own: string,
    html: string,
    depth: number,
  ): Promise<void> {
    const page = readHtml(html);
    const host: HostKind =
      kind === 'job' ? 'windows' : kind === 'application' || page.isApplication ? 'application' : 'browser';
    const scripts = page.scripts
      .filter(({ language }) => language === 'javascript')
      .map(({ code }) => decodeScript(code));
    const basic = page.scripts
      .filter(({ language }) => language === 'vbscript')
      .map(({ code }) => decodeScript(code));
    if (basic.length > 0)
      judgeBasic(recorder, recorder.add(recorder.node, 'script', 'vbscript'), basic.join('\n'), 'script');
    for (const { src } of page.scripts)
      if (src !== '') recorder.add(recorder.node, 'injection', `script ${src}`);
    const active = page.elements.some(
      ({ tag, attributes }) =>
        tag === 'meta' ||
        tag === 'iframe' ||
        tag === 'a' ||
        Object.keys(attributes).some((name) => name.startsWith('on')),
    );
    if (basic.length > 0 && host !== 'browser')
      await this.#run(
        recorder,
        recorder.node,
        {
          host,
          scripts: basic.map((code) => ({ basic: code, entry: ENTRIES })),
          elements: page.elements,
          url: this.#job.url,
          name: own,
        },
        depth,
      );
    if (scripts.some((code) => code.trim() !== '') || active) {
      await this.#run(
        recorder,
        recorder.node,
        { host, scripts, elements: page.elements, url: this.#job.url, name: own },
        depth,
      );
    }
  }

  async #run(recorder: Recorder, at: BehaviourNode, job: ScriptJob, depth: number): Promise<void> {
    this.#ran += 1;
    if (this.#ran > MAX_SCRIPT_FILES)
      return recorder.limit(`more than ${MAX_SCRIPT_FILES} files with scripts`);
    const run = await runScripts(job, this.#job.limits);
    if (run.stopped !== null) recorder.limit(run.stopped);
    judgeScript(recorder, at, job.host, run.events, job.elements !== undefined);
    for (const drop of run.drops) await this.#drop(recorder, at, drop, job.host, depth);
  }

  /** A file that a script made: looked into like any other, and kept for anti-virus. */
  async #drop(
    recorder: Recorder,
    at: BehaviourNode,
    { name, bytes, how, phase }: ScriptDrop,
    host: HostKind,
    depth: number,
  ): Promise<void> {
    const node = recorder.add(at, 'file', name);
    if (depth >= MAX_DEPTH) return recorder.limit(`files written by files more than ${MAX_DEPTH} deep`);
    const findings = await this.walk(memorySource(bytes), {}, recorder.under(node), name, depth + 1);
    this.#keep(name, bytes);
    if (how === 'offer' && (host === 'browser' || host === 'application')) {
      judgeOffer(recorder, node, name, findings, phase === 'auto');
    }
    if (findings.worst >= 60)
      recorder.score(node, 'writes-malicious', 60, `writes a file that is malicious itself: ${name}`);
  }

  #keep(name: string, bytes: Buffer): void {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    this.#dropped += bytes.length;
    if (
      this.#drops.length >= MAX_DROPS ||
      this.#dropped > MAX_DROPPED_BYTES ||
      this.#drops.some((drop) => drop.sha256 === sha256)
    )
      return;
    this.#drops.push({ name, type: '', sha256, bytes: new Uint8Array(bytes) });
  }

  #scope(parent: Recorder, kind: string, what: string): Recorder {
    const scope = parent.scope(
      parent.node,
      kind === 'javascript' || kind === 'browser' ? 'script' : 'content',
      kind === 'browser' ? `${what} (in a browser)` : what,
    );
    this.#scopes.push(scope);
    return scope;
  }
}
