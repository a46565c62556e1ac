// Finds the numbers of detectors.ts in text that comes in pieces. What stands at the end of a piece waits for
// what follows it; each number is counted once, and only what a report may show of it is kept.

import { CONTEXT_REACH, MAX_MATCH, type Detector, type DetectorName } from './detectors.ts';

const HELD = MAX_MATCH + CONTEXT_REACH; // characters that wait
const MAX_DISTINCT = 1000; // numbers that are told apart; more say nothing new

/** What one message has of one kind of number. */
export interface NumberFind {
  /** Different numbers. */
  count: number;
  /** Last characters of the first, as far as they may be shown. */
  readonly ending: string;
  /** Member path of the first, '' for the body. */
  readonly path: string;
}

export class NumberScanner {
  readonly finds = new Map<DetectorName, NumberFind>();
  readonly #seen = new Map<DetectorName, Set<string>>();
  readonly #detectors: readonly Detector[];

  constructor(detectors: readonly Detector[]) {
    this.#detectors = detectors;
  }

  /** A reader of one content. */
  reader(path: string): { push(text: string): void; end(): void } {
    let buffer = '';
    let from = 0; // in the buffer: matches before it are counted already
    const scan = (final: boolean): void => {
      const until = final ? buffer.length : buffer.length - HELD;
      if (until <= from) return;
      for (const detector of this.#detectors) this.#scan(detector, buffer, from, until, path);
      const keep = Math.max(0, until - CONTEXT_REACH);
      buffer = buffer.slice(keep);
      from = until - keep;
    };
    return {
      push(text) {
        buffer += text;
        scan(false);
      },
      end: () => scan(true),
    };
  }

  #scan(detector: Detector, text: string, from: number, until: number, path: string): void {
    const { name, pattern, read, needsContext, context, shown } = detector;
    pattern.lastIndex = from;
    for (let match = pattern.exec(text); match !== null && match.index < until; match = pattern.exec(text)) {
      const number = read(match[0], text, match.index);
      if (number === null) continue;
      if (needsContext(match[0]) && !near(context, text, match.index, match[0].length)) continue;
      this.#count(name, number, shown, path);
    }
  }

  #count(name: DetectorName, number: string, shown: number, path: string): void {
    let seen = this.#seen.get(name);
    if (seen === undefined) this.#seen.set(name, (seen = new Set()));
    if (seen.has(number) || seen.size >= MAX_DISTINCT) return;
    seen.add(number);
    const find = this.finds.get(name);
    if (find !== undefined) find.count += 1;
    else this.finds.set(name, { count: 1, ending: shown === 0 ? '' : number.slice(-shown), path });
  }
}

function near(context: RegExp | null, text: string, at: number, length: number): boolean {
  if (context === null) return true;
  const around = text.slice(Math.max(0, at - CONTEXT_REACH), at + length + CONTEXT_REACH);
  return context.test(around);
}
