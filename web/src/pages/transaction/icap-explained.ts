// What the lines of an ICAP head mean, in a sentence each, and the parts that an Encapsulated field lists
// (RFC 3507 §4.4.1).

import { texts } from '../../texts/index.ts';

/** @returns null for a line that needs none */
export function explanationOf(line: string, isFirst: boolean): string | null {
  const { startLines, fields, statuses } = texts.transaction.explained;
  if (isFirst) {
    const status = /^ICAP\/1\.0 (\d{3})/.exec(line)?.[1];
    if (status !== undefined) return statuses[status] ?? null;
    return startLines[line.split(' ', 1)[0]!] ?? null;
  }
  return fields[line.split(':', 1)[0]!.toLowerCase()] ?? null;
}

export interface EncapsulatedPart {
  readonly name: string;
  /** Offset of its first byte in the encapsulated message. */
  readonly from: number;
  /** Of its last byte; null for a body, which ends with its last chunk. */
  readonly to: number | null;
  readonly about: string;
}

/** @param lines of an ICAP head */
export function encapsulatedParts(lines: readonly string[]): readonly EncapsulatedPart[] {
  const field = lines.find((line) => /^encapsulated:/i.test(line));
  if (field === undefined) return [];
  const entries = [...field.matchAll(/([a-z]+-[a-z]+)\s*=\s*(\d+)/gi)];
  return entries.map(([, name = '', from = '0'], at) => {
    const next = entries[at + 1]?.[2];
    return {
      name,
      from: Number(from),
      to: next === undefined ? null : Number(next) - 1,
      about: texts.transaction.explained.parts[name.toLowerCase()] ?? '',
    };
  });
}
