// The Range field: what parts it asks for, and what they are of an object of a known size. Whether it counts
// at all (If-Range) is validators.ts. RFC 9110 §14.

/** Bytes of an object, both ends included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** A range as it was asked for; `first` null: the last `last` bytes. `last` null: to the end. */
interface AskedRange {
  readonly first: number | null;
  readonly last: number | null;
}

/** Ranges of one request. Whoever asks for more gets the whole object (§14.2 warns of many small ones). */
const MAX_RANGES = 16;
const RANGE = /^(\d{0,15})-(\d{0,15})$/;

/** @returns null for anything but well-formed byte ranges: the field does not count then (§14.2) */
export function parseRanges(value: string): readonly AskedRange[] | null {
  const [unit = '', list] = value.split('=', 2);
  if (list === undefined || unit.trim().toLowerCase() !== 'bytes') return null;
  const asked: AskedRange[] = [];
  for (const part of list.split(',')) {
    const text = part.trim();
    if (text === '') continue;
    const match = RANGE.exec(text);
    if (match === null || text === '-' || asked.length === MAX_RANGES) return null;
    const first = match[1] === '' ? null : Number(match[1]);
    const last = match[2] === '' ? null : Number(match[2]);
    if (first !== null && last !== null && first > last) return null;
    asked.push({ first, last });
  }
  return asked.length === 0 ? null : asked;
}

/**
 * What of an object is asked for, in the order in which it was asked.
 * @returns no range where nothing of it exists (416); null where all together are more than the object, which
 *   is then better sent as it is
 */
export function resolveRanges(asked: readonly AskedRange[], size: number): readonly ByteRange[] | null {
  const ranges: ByteRange[] = [];
  let bytes = 0;
  for (const { first, last } of asked) {
    const from = first ?? Math.max(0, size - last!);
    const to = first === null || last === null ? size - 1 : Math.min(last, size - 1);
    if (from >= size || from > to) continue;
    ranges.push({ first: from, last: to });
    bytes += to - from + 1;
  }
  return ranges.length > 1 && bytes > size ? null : ranges;
}

/** Value of Content-Range; for 416 without a range. */
export function contentRange(range: ByteRange | null, size: number): string {
  return range === null ? `bytes */${size}` : `bytes ${range.first}-${range.last}/${size}`;
}
