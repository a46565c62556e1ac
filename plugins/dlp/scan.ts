// One scan from end to end: walks through a body and what is packed in it, reads each content as text, and
// hands the text to the scanners. Runs in the event loop for small plain bodies and in a thread for others.

import { setImmediate } from 'node:timers/promises';
import {
  Ledger,
  walk,
  type ByteSource,
  type FileTypeName,
  type Trouble,
  type UnpackBudget,
} from 'weir/detect';
import { DETECTORS, type DetectorName } from './detectors.ts';
import { FingerprintScanner, type FingerprintIndex } from './fingerprints.ts';
import { KeywordScanner, type KeywordList } from './keyword-scanner.ts';
import { NumberScanner, type NumberFind } from './number-scanner.ts';
import { formStep, textViews } from './text-view.ts';

/** What is looked for. */
export interface ScanRules {
  readonly numbers: readonly DetectorName[];
  readonly keywords: readonly KeywordList[];
  readonly fingerprints: FingerprintIndex;
  readonly minFingerprints: number;
  readonly budget: UnpackBudget;
}

export interface ScanSubject {
  /** Query of the URL, as it stands in it; '' where there is none. */
  readonly query: string;
  readonly contentEncoding: string | undefined;
  readonly contentType: string | undefined;
}

export interface ScanResult {
  readonly numbers: readonly (NumberFind & { readonly name: DetectorName })[];
  readonly keywords: readonly { readonly name: string; readonly path: string; readonly hits: number }[];
  readonly documents: readonly { readonly name: string; readonly path: string }[];
  /** What could not be searched. */
  readonly troubles: readonly Trouble[];
}

/** Text is searched in pieces of so many bytes: about a millisecond each. */
const PIECE_BYTES = 16 * 1024;
/** After so many bytes whoever else waits in this thread has a turn. */
const TURN_BYTES = 256 * 1024;

/** Pictures, and containers whose members come by themselves. */
const NO_TEXT: ReadonlySet<FileTypeName> = new Set(
  'png jpeg gif zip ooxml odf jar gzip bzip2 xz zstd 7z rar cab iso ole'.split(' ') as FileTypeName[],
);

interface Reader {
  push(text: string): void;
  end(): void;
}

/**
 * @param source the body, or null where there is none
 * @param signal checked now and then
 * @throws {WeirError} `ERR_SPOOL` where the body cannot be read
 */
export async function scanMessage(
  subject: ScanSubject,
  source: ByteSource | null,
  rules: ScanRules,
  signal: AbortSignal,
): Promise<ScanResult> {
  const numbers = new NumberScanner(DETECTORS.filter(({ name }) => rules.numbers.includes(name)));
  const keywords = rules.keywords.length === 0 ? null : new KeywordScanner(rules.keywords);
  const documents =
    rules.fingerprints.size === 0 ? null : new FingerprintScanner(rules.fingerprints, rules.minFingerprints);
  const readers = (path: string): Reader =>
    joined(numbers.reader(path), keywords?.reader(path), documents?.reader(path));

  if (subject.query !== '') {
    const step = formStep();
    const reader = readers('query');
    reader.push(step.push(subject.query) + step.end());
    reader.end();
  }
  const ledger = new Ledger(rules.budget);
  let turn = 0;
  if (source !== null) {
    for await (const content of walk(source, ledger, subject)) {
      if (content.type !== null && NO_TEXT.has(content.type.name)) continue;
      const views = textViews(content, subject.contentType);
      const all = readers(content.path);
      const asItStands = numbers.reader(content.path);
      const feed = (view: { readonly raw: string; readonly seen: string | null }): void => {
        all.push(view.seen ?? view.raw);
        if (view.seen !== null) asItStands.push(view.raw); // attributes of markup hold numbers too
      };
      for await (const chunk of content.chunks) {
        for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
          feed(views.push(chunk.subarray(at, at + PIECE_BYTES)));
          turn += PIECE_BYTES;
          if (turn < TURN_BYTES) continue;
          turn = 0;
          await setImmediate();
          signal.throwIfAborted();
        }
      }
      feed(views.end());
      all.end();
      asItStands.end();
    }
  }
  return {
    numbers: [...numbers.finds].map(([name, find]) => ({ name, ...find })),
    keywords: [...(keywords?.reached ?? [])].map(([name, hit]) => ({ name, ...hit })),
    documents: documents?.recognised ?? [],
    troubles: ledger.troubles,
  };
}

function joined(...readers: readonly (Reader | undefined)[]): Reader {
  const all = readers.filter((reader) => reader !== undefined);
  return {
    push: (text) => all.forEach((reader) => reader.push(text)),
    end: () => all.forEach((reader) => reader.end()),
  };
}
