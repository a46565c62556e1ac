// Extensions of a WebSocket whose messages are inspected: only permessage-deflate can be undone, so nothing
// else is offered to the origin. What client and origin agree on holds for both legs, since the origin's answer
// goes to the client as it is. RFC 6455 §9.1, RFC 7692 §7.1.

import { HttpError, printable } from '../../errors.ts';
import { fieldValues } from '../../icap/codec/fields.ts';
import type { RawHeaders } from '../../icap/codec/http-head.ts';

const FIELD = 'sec-websocket-extensions';
const DEFLATE = 'permessage-deflate';
const PARAMETERS: ReadonlySet<string> = new Set([
  ...['server_no_context_takeover', 'client_no_context_takeover'],
  ...['server_max_window_bits', 'client_max_window_bits'],
]);
const MAX_LENGTH = 4096; // characters that are read of an offer

/** How one end compresses. */
export interface DeflateSide {
  /** Each message is compressed on its own. */
  readonly noContextTakeover: boolean;
  /** 8 to 15. */
  readonly windowBits: number;
}

/** What was agreed on. */
export interface Deflate {
  readonly client: DeflateSide;
  readonly server: DeflateSide;
}

type Parameters = ReadonlyMap<string, string>;

/** The fields of a handshake with offers that can be read alone; the same array where nothing is left out. */
export function withReadableOffers(headers: RawHeaders): RawHeaders {
  const offers = fieldValues(headers, FIELD);
  if (offers.length === 0) return headers;
  const readable = offers
    .flatMap((value) => value.slice(0, MAX_LENGTH).split(','))
    .map((offer) => offer.trim())
    .filter((offer) => readOffer(offer) !== null);
  const others: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.toLowerCase() !== FIELD) others.push(headers[i]!, headers[i + 1]!);
  }
  return readable.length === 0 ? others : [...others, 'Sec-WebSocket-Extensions', readable.join(', ')];
}

/**
 * What the origin has chosen; null: no compression.
 * @throws {HttpError} `ERR_ORIGIN_RESPONSE`: something that was not offered
 */
export function agreedDeflate(headers: RawHeaders): Deflate | null {
  const chosen = fieldValues(headers, FIELD).join(', ').trim();
  if (chosen === '') return null;
  const parameters = readOffer(chosen);
  const side = (name: string): DeflateSide | null => {
    const bits = parameters?.get(`${name}_max_window_bits`) ?? '15';
    if (!/^(?:[89]|1[0-5])$/.test(bits)) return null;
    return {
      noContextTakeover: parameters?.has(`${name}_no_context_takeover`) ?? false,
      windowBits: Number(bits),
    };
  };
  const [client, server] = [side('client'), side('server')];
  if (parameters === null || client === null || server === null) {
    const text = `the origin chose a WebSocket extension that was not offered: "${printable(chosen)}"`;
    throw new HttpError('ERR_ORIGIN_RESPONSE', text);
  }
  return { client, server };
}

/** Parameters of one permessage-deflate; null where it is another extension, or has others. */
function readOffer(offer: string): Parameters | null {
  const [name, ...pairs] = offer.split(';').map((part) => part.trim());
  if (name?.toLowerCase() !== DEFLATE) return null;
  const parameters = new Map<string, string>();
  for (const pair of pairs) {
    const [key = '', value = ''] = pair.split('=', 2).map((part) => part.trim());
    if (!PARAMETERS.has(key) || parameters.has(key)) return null;
    // A client may offer client_max_window_bits without saying how many.
    parameters.set(key, value === '' ? '15' : value.replace(/^"(.*)"$/, '$1'));
  }
  return parameters;
}
