// The threat emulation blade: content is run or taken apart in worker threads, what it does is scored, and
// from the threshold on it is blocked. What scripts write out goes through the anti-virus blade as well.
// Each find, and whatever is suspicious, leaves a report.

import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  allow,
  block,
  definePlugin,
  PluginError,
  type Blade,
  type BladeMessage,
  type PluginContext,
  type Verdict,
} from 'weir';
import { decodeContent, DEFAULT_BUDGET, Ledger, parseCodings } from 'weir/detect';
import type { Analysis, AnalysisJob, FileDrop } from './analysis-job.ts';
import { CapeClient, type CapeResult } from './cape.ts';
import { optionsSchema, type EmulationOptions } from './options.ts';
import { shown, verdictOf, type DroppedFile, type EmulationReport } from './report.ts';
import { reportPanel } from './report-panel.ts';
import { ReportStore } from './report-store.ts';
import { EmulationPool } from './worker-pool.ts';

export type {
  BehaviourKind,
  BehaviourNode,
  DroppedFile,
  EmulationReport,
  EmulationVerdict,
  Reason,
} from './report.ts';

/** Rules change with it. */
const VERSION = '0.1.0';

export default definePlugin<EmulationOptions>({
  name: 'threat-emulation',
  version: VERSION,
  options: optionsSchema,
  setup(context) {
    const blade = new ThreatEmulation(context);
    context.blade(blade);
    context.reports?.(blade.reports);
    context.panel({ id: 'reports', title: 'Threat emulation', data: () => reportPanel(blade.reports) });
  },
});

/** Types that do nothing when they are opened: not worth a thread. */
const INERT =
  /^(?:image\/(?!svg)|audio\/|video\/|font\/|text\/css|application\/(?:font|wasm|ocsp|dns-message|grpc))/i;

class ThreatEmulation implements Blade {
  readonly name = 'threat-emulation';
  readonly #options: EmulationOptions;
  readonly #context: PluginContext<EmulationOptions>;
  readonly #pool: EmulationPool;
  readonly #cape: CapeClient | null;
  readonly reports: ReportStore;

  constructor(context: PluginContext<EmulationOptions>) {
    const { options } = context;
    this.#context = context;
    this.#cape = options.cape === null ? null : new CapeClient(options.cape);
    this.#options = options;
    this.#pool = new EmulationPool({
      size: options.workers,
      timeoutMs: options.timeout,
      maxQueue: options.maxQueue,
    });
    const { folder, keep, maxBytes, maxAge } = options.reports;
    this.reports = new ReportStore(folder, keep, maxBytes, maxAge);
  }

  /** Made of rules, options, and what anti-virus goes by: it judges the files that content makes. */
  fingerprint(): string {
    const antivirus = this.#context.findBlade?.('antivirus')?.fingerprint?.() ?? '';
    return createHash('sha256')
      .update(JSON.stringify([VERSION, this.#options, antivirus]))
      .digest('hex');
  }

  /** A script sees under which name and from where it came. Reports on clean files need a run each. */
  get judges(): 'context' | 'message' {
    return this.#options.reports.clean ? 'message' : 'context';
  }

  async inspect(message: BladeMessage, signal: AbortSignal): Promise<Verdict> {
    const { body } = message;
    if (body === null || body.size === 0) return allow();
    if (isInert(message)) return allow();
    if (body.size > this.#options.maxSize) return allow('size');
    const begun = performance.now();
    const { job, transfer } = jobOf(message, this.#options);
    const analysis = await this.#pool.run(job, signal, transfer);
    const { files, threat } = await this.#antivirus(analysis.drops, message, signal);
    const local = reportOf(
      message,
      analysis,
      files,
      threat,
      this.#options.threshold,
      performance.now() - begun,
    );
    const report = await this.#remote(local, job.name, message, signal);
    const isKept =
      report.verdict !== 'clean' || this.#options.reports.clean ? await this.#keep(report) : false;
    if (report.verdict !== 'malicious') {
      return report.limits.length > 0 ? allow('emulation limit') : allow();
    }
    const [first] = report.reasons;
    return block({
      threat: report.threat ?? 'Behaviour',
      severity: report.score >= 2 * this.#options.threshold ? 'critical' : 'high',
      reason: `${first?.text ?? 'behaves like malware'} (score ${report.score}, report ${report.id})`,
      ...(isKept ? { report: report.id } : {}),
    });
  }

  async close(): Promise<void> {
    await this.#pool.close();
    await this.reports.close();
  }

  /** Files that the content made, judged by the anti-virus blade where one is loaded. */
  async #antivirus(
    drops: readonly FileDrop[],
    message: BladeMessage,
    signal: AbortSignal,
  ): Promise<{ files: DroppedFile[]; threat: string | null }> {
    const blade = this.#context.findBlade?.('antivirus') ?? null;
    const files: DroppedFile[] = [];
    let threat: string | null = null;
    for (const { name, type, sha256, bytes } of drops) {
      const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const verdict = blade === null ? null : await blade.inspect(messageOf(content, message), signal);
      const found = verdict?.kind === 'block' ? verdict.threat : null;
      threat ??= found;
      files.push({
        name: shown(name, 200),
        size: content.length,
        sha256,
        type,
        antivirus: verdict === null ? null : (found ?? 'clean'),
      });
    }
    return { files, threat };
  }

  /** Programs, and what stays in doubt, are run by CAPE where one is configured. */
  async #remote(
    report: EmulationReport,
    name: string,
    message: BladeMessage,
    signal: AbortSignal,
  ): Promise<EmulationReport> {
    if (this.#cape === null || report.verdict === 'malicious') return report;
    if (report.verdict === 'clean' && report.type !== 'pe') return report;
    try {
      const found = await this.#cape.detonate(
        name,
        await decodedBody(message, this.#options.maxSize),
        signal,
      );
      return withRemote(report, found, this.#options.cape!.score);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#context.log.warn({ report: report.id, error: String(error) }, 'remote sandbox not asked');
      return {
        ...report,
        limits: [...report.limits, `remote sandbox: ${shown(String((error as Error).message), 200)}`],
      };
    }
  }

  /** A report that cannot be written is no reason to let content pass, nor to hold it back. */
  async #keep(report: EmulationReport): Promise<boolean> {
    try {
      await this.reports.save(report);
      return true;
    } catch (error) {
      this.#context.log.warn({ report: report.id, error: String(error) }, 'emulation report not saved');
      return false;
    }
  }
}

function isInert(message: BladeMessage): boolean {
  const type = message.header('content-type') ?? '';
  const { memory } = message.body!;
  // What is declared is believed only where the bytes are not a document or program all the same.
  return (
    INERT.test(type) &&
    memory !== null &&
    !/^(?:MZ|PK|%PDF|<|\{\\rt|\xd0\xcf|L\0)/.test(memory.toString('latin1', 0, 8).trimStart())
  );
}

function jobOf(
  message: BladeMessage,
  options: EmulationOptions,
): { job: AnalysisJob; transfer: ArrayBuffer[] } {
  const { memory, file } = message.body!;
  if (memory === null && file === null)
    throw new PluginError('ERR_PLUGIN_FAILED', 'body is neither in memory nor in a file');
  const bytes = memory === null ? null : new Uint8Array(memory);
  const { time, memory: memoryBytes, ticks } = options.script;
  const maxDepth = Math.min(message.limits?.depth ?? DEFAULT_BUDGET.maxDepth, DEFAULT_BUDGET.maxDepth);
  const job: AnalysisJob = {
    bytes,
    file,
    contentEncoding: message.header('content-encoding'),
    contentType: message.header('content-type'),
    name: nameOf(message),
    url: message.url,
    budget: {
      ...DEFAULT_BUDGET,
      maxDepth,
      maxMembers: 2000,
      maxMemberBytes: 64 * 2 ** 20,
      maxTotalBytes: 128 * 2 ** 20,
    },
    limits: { timeMs: time, memoryBytes, ticks },
  };
  return { job, transfer: bytes === null ? [] : [bytes.buffer] };
}

/** File name by Content-Disposition (RFC 6266, without charsets other than UTF-8), else the last segment of the URL. */
function nameOf(message: BladeMessage): string {
  const disposition = message.header('content-disposition') ?? '';
  const extended = /filename\*\s*=\s*utf-8''([^;\s]+)/i.exec(disposition)?.[1];
  const plain = /filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(disposition);
  const segment =
    message.direction === 'response'
      ? /^[a-z]+:\/\/[^/?#]*\/(?:[^?#]*\/)?([^/?#]*)/i.exec(message.url)?.[1]
      : undefined;
  const name = extended ?? plain?.[1] ?? plain?.[2] ?? segment ?? '';
  try {
    return decodeURIComponent(name).slice(-200);
  } catch {
    return name.slice(-200);
  }
}

function reportOf(
  message: BladeMessage,
  analysis: Analysis,
  drops: readonly DroppedFile[],
  found: string | null,
  threshold: number,
  ms: number,
): EmulationReport {
  const reasons = [...analysis.reasons];
  if (found !== null)
    reasons.unshift({
      rule: 'antivirus',
      text: `writes a file that anti-virus knows as ${shown(found, 100)}`,
      score: threshold,
    });
  const score = analysis.score + (found === null ? 0 : threshold);
  const verdict = verdictOf(score, threshold);
  return {
    id: `te-${randomBytes(6).toString('hex')}`,
    at: new Date().toISOString(),
    url: shown(message.url, 2000),
    direction: message.direction,
    size: message.body?.size ?? 0,
    type: analysis.type,
    verdict,
    threat:
      verdict === 'clean'
        ? null
        : (found ?? `Behaviour.${analysis.type || 'content'}.${reasons[0]?.rule ?? 'unknown'}`),
    score,
    threshold,
    reasons,
    tree: analysis.tree,
    drops,
    limits: analysis.limits,
    ms: Math.round(ms),
    remote: null,
  };
}

/** The report with what the remote sandbox says. */
function withRemote(
  report: EmulationReport,
  { task, score, name }: CapeResult,
  limit: number,
): EmulationReport {
  const remote = { task, score };
  if (score === null || score < limit) return { ...report, remote };
  const text = `is malicious in the remote sandbox${name === null ? '' : `: ${shown(name, 100)}`} (${score} of 10)`;
  const reasons = [{ rule: 'remote', text, score: report.threshold }, ...report.reasons];
  const total = report.score + report.threshold;
  const threat = name === null ? 'Behaviour.remote' : shown(name, 100);
  return { ...report, remote, reasons, score: total, verdict: 'malicious', threat };
}

async function decodedBody(message: BladeMessage, limit: number): Promise<Buffer> {
  const codings = parseCodings(message.header('content-encoding'));
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of decodeContent(message.body!.stream(), codings, new Ledger())) {
    size += part.length;
    if (size > limit) break;
    parts.push(Buffer.from(part));
  }
  return Buffer.concat(parts);
}

/** A message that carries only that content, for another blade. */
function messageOf(content: Buffer, of: BladeMessage): BladeMessage {
  return {
    direction: of.direction,
    method: of.method,
    url: of.url,
    request: null,
    response: null,
    client: of.client,
    server: of.server,
    body: { size: content.length, memory: content, file: null, stream: () => Readable.from([content]) },
    header: () => undefined,
  };
}
