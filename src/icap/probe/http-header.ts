// HTTP headers as lines, for showing and comparing: what an adapted header lost and gained. Tolerates
// anything; what a head means is codec/http-head.ts.

import type { RawHeaders } from '../codec/fields.ts';
import { readFieldLines } from './field-reader.ts';

/** Start line and field lines of a header, latin-1, without the closing blank line. */
export function headerLines(header: Buffer | string): string[] {
  const text = typeof header === 'string' ? header : header.toString('latin1');
  return text.replace(/(?:\r?\n)+$/, '').split(/\r?\n/);
}

/** Fields of a header; lines that are none are left out. */
export function headerFields(header: Buffer | string): RawHeaders {
  return readFieldLines(headerLines(header).slice(1), []);
}

export interface HeaderLine {
  readonly mark: 'same' | 'removed' | 'added';
  readonly text: string;
}

const MAX_CELLS = 1_000_000; // of the comparison's table; longer headers are shown as replaced

/** What became of each line, in order; lines that both have in the same order are kept (longest common part). */
export function compareHeaders(before: Buffer | string, after: Buffer | string): HeaderLine[] {
  const old = headerLines(before);
  const now = headerLines(after);
  const width = now.length + 1;
  // common[i * width + j]: lines that old[i…] and now[j…] have in common.
  const comparable = (old.length + 1) * width <= MAX_CELLS;
  const common = new Uint16Array(comparable ? (old.length + 1) * width : 0);
  if (comparable) {
    for (let i = old.length - 1; i >= 0; i--) {
      for (let j = now.length - 1; j >= 0; j--) {
        common[i * width + j] =
          old[i] === now[j]
            ? common[(i + 1) * width + j + 1]! + 1
            : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
      }
    }
  }
  const lines: HeaderLine[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < now.length) {
    if (comparable && i < old.length && old[i] === now[j]) {
      lines.push({ mark: 'same', text: old[i++]! });
      j++;
    } else if (
      i < old.length &&
      (j === now.length || !comparable || common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    ) {
      lines.push({ mark: 'removed', text: old[i++]! });
    } else lines.push({ mark: 'added', text: now[j++]! });
  }
  return lines;
}

/** True when nothing changed but `Via`, which every server that passes a message on adds to (C-94). */
export function onlyViaDiffers(lines: readonly HeaderLine[]): boolean {
  return lines.every(({ mark, text }) => mark === 'same' || /^via:/i.test(text));
}
