// Takes one direction of an ICAP exchange apart for readers: heads, encapsulated heads, chunks with their sizes,
// the end of the preview. It explains bytes and judges nothing: what does not fit is shown as the rest.
// RFC 3507 §4.4, §4.5; chunks as in RFC 9112 §7.1.

import { latin1Of } from '../../bytes.ts';
import { texts } from '../../texts/index.ts';
import { encapsulatedParts } from './icap-explained.ts';

export type WireKind = 'head' | 'http' | 'size' | 'data' | 'end' | 'rest';

export interface WirePart {
  readonly kind: WireKind;
  /** Offset of the first byte, and of the one after the last. */
  readonly from: number;
  readonly to: number;
  readonly about: string;
}

const MAX_PARTS = 300;
const MAX_LINE = 1024; // of a chunk's size with its extensions
const ICAP_HEAD = /^(?:ICAP\/1\.0 \d{3}|[A-Z]+ icaps?:)/;
const CHUNK_SIZE = /^([0-9a-f]{1,8})([^\r\n]*)\r\n/i;

const words = texts.transaction.wire;

/** @returns parts in order, without gaps */
export function wireParts(data: Uint8Array): readonly WirePart[] {
  const text = latin1Of(data);
  const parts: WirePart[] = [];
  let at = 0;
  let round = 0; // of chunks: the second one comes after 100 Continue
  const add = (kind: WireKind, to: number, about: string): void => {
    const end = Math.min(to, text.length);
    if (end > at) parts.push({ kind, from: at, to: end, about });
    at = end;
  };
  while (at < text.length && parts.length < MAX_PARTS) {
    const line = text.slice(at, at + MAX_LINE);
    const size = CHUNK_SIZE.exec(line);
    if (ICAP_HEAD.test(line)) {
      const end = text.indexOf('\r\n\r\n', at);
      const head = text.slice(at, end === -1 ? text.length : end).split('\r\n');
      add('head', end === -1 ? text.length : end + 4, words.head(head[0]!));
      const start = at;
      for (const { to, about, name } of encapsulatedParts(head)) {
        if (to !== null) add('http', start + to + 1, `${name}: ${about}`);
      }
    } else if (size !== null) {
      const bytes = Number.parseInt(size[1]!, 16);
      if (bytes > 0) {
        add('size', at + size[0].length, words.size(bytes));
        add('data', at + bytes + 2, words.data(bytes));
      } else {
        const end = text.indexOf('\r\n\r\n', at);
        const isWhole = /;\s*ieof/i.test(size[2]!);
        add('end', end === -1 ? text.length : end + 4, isWhole ? words.ieof : words.end(round));
        round += 1;
      }
    } else {
      add('rest', text.length, words.rest);
    }
  }
  add('rest', text.length, words.rest);
  return parts;
}
