// ICAP trailers of answers: fields that a service knows only once the body is out, in a block of their own
// behind the message. Sent only to a client that agreed to them. C-100, C-101.

import { formatFields } from '../codec/fields.ts';
import type { RawHeaders } from '../codec/http-head.ts';
import type { IcapOutcome, IcapTrailer } from '../service.ts';
import type { Exchange } from './exchange.ts';

/** The trailer that an answer other than 204 ends with, or null. */
export function trailerFor({ head }: Exchange, { trailer }: IcapOutcome): IcapTrailer | null {
  return trailer === undefined || !head.allowTrailers || trailer.names.length === 0 ? null : trailer;
}

/** Field lines that announce it. */
export function announcement({ names }: IcapTrailer): string {
  return `Allow: trailers\r\nTrailer: ${names.join(', ')}\r\n`;
}

/**
 * The block behind the message, its blank line included: the announced fields only.
 * @throws whatever the service throws when it is asked for them
 */
export async function trailerBlock(trailer: IcapTrailer): Promise<string> {
  const announced = new Set(trailer.names.map((name) => name.toLowerCase()));
  const fields = await trailer.fields();
  const kept: RawHeaders = [];
  for (let i = 0; i < fields.length; i += 2) {
    if (announced.has(fields[i]!.toLowerCase())) kept.push(fields[i]!, fields[i + 1]!);
  }
  return `${formatFields(kept)}\r\n`;
}
