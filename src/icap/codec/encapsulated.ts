// The `Encapsulated` field: which parts a message carries and at which offsets. Decides only what the
// field may say; whether the bytes agree is message-parser.ts. RFC 3507 §4.4.1 with errata 1 and 4;
// C-20 … C-24.

import { IcapError, printable } from '../../errors.ts';

export type PartName = 'req-hdr' | 'res-hdr' | 'req-body' | 'res-body' | 'opt-body' | 'null-body';
export type IcapMethod = 'OPTIONS' | 'REQMOD' | 'RESPMOD';
/** Who sent the message. */
export type IcapSide = 'request' | 'response';

export interface EncapsulatedPart {
  readonly name: PartName;
  /** Bytes from the end of the ICAP header. */
  readonly offset: number;
}

/** What a message carries, after the field was judged legal. */
export interface Encapsulated {
  /** Header sections in wire order; `length` in bytes, never 0. */
  readonly sections: readonly { readonly name: 'req-hdr' | 'res-hdr'; readonly length: number }[];
  /** The chunked body, or null for `null-body`. */
  readonly body: 'req-body' | 'res-body' | 'opt-body' | null;
  /** Bytes of all header sections together. */
  readonly headerBytes: number;
}

/** No field at all: no body, no sections (erratum 1). */
export const NOTHING_ENCAPSULATED: Encapsulated = { sections: [], body: null, headerBytes: 0 };

// Parts in the only order in which they may follow each other.
const LEGAL: Record<`${IcapMethod} ${IcapSide}`, readonly PartName[]> = {
  'OPTIONS request': ['opt-body', 'null-body'],
  'OPTIONS response': ['opt-body', 'null-body'],
  'REQMOD request': ['req-hdr', 'req-body', 'null-body'],
  'REQMOD response': ['req-hdr', 'res-hdr', 'req-body', 'res-body', 'null-body'],
  'RESPMOD request': ['req-hdr', 'res-hdr', 'res-body', 'null-body'],
  'RESPMOD response': ['res-hdr', 'res-body', 'null-body'],
};

const PARTS: ReadonlySet<string> = new Set(Object.values(LEGAL).flat());

/** Header section that stands in front of a body. */
const HEADER_OF: Partial<Record<PartName, 'req-hdr' | 'res-hdr'>> = {
  'req-body': 'req-hdr',
  'res-body': 'res-hdr',
};

const ELEMENT = /^([a-z]+-[a-z]+)[ \t]*=[ \t]*([0-9]{1,16})$/;

/**
 * Reads an `Encapsulated` value and judges it.
 *
 * @param value  without the name, e.g. `req-hdr=0, res-hdr=137, res-body=296`; names in any case
 * @param lenient  accepts blanks instead of commas (C-23), empty sections in front of a body (C-22) and, in a
 *         response, a body behind a header section that is not named (V-33)
 * @throws {IcapError} `ERR_ICAP_ENCAPSULATED`: unknown, doubled or misplaced part, two bodies, body missing
 *         or not last, first offset not 0, offsets that fall, or a part not legal for method and side
 */
export function parseEncapsulated(
  value: string,
  method: IcapMethod,
  side: IcapSide,
  lenient = true,
): Encapsulated {
  if (value === 'null-body=0') return NOTHING_ENCAPSULATED; // most answers, and legal everywhere
  const text = value.trim().toLowerCase();
  const elements = lenient && !text.includes(',') ? text.split(/[ \t]+(?=[a-z])/) : text.split(',');
  const legal = LEGAL[`${method} ${side}`];
  const sections: { name: 'req-hdr' | 'res-hdr'; length: number }[] = [];
  let previous: EncapsulatedPart | null = null;
  let place = -1;
  for (const element of elements) {
    const part = parseElement(element.trim(), value);
    const rank = legal.indexOf(part.name);
    if (rank < 0) throw broken(`${part.name} is not allowed in a ${method} ${side}`, value);
    if (previous === null) {
      if (part.offset !== 0) {
        const unnamed = lenient && side === 'response' ? HEADER_OF[part.name] : undefined;
        if (unnamed === undefined) throw broken('the first offset is not 0', value);
        sections.push({ name: unnamed, length: part.offset });
      }
    } else {
      if (isBody(previous.name))
        throw broken(`${part.name} after ${previous.name}, which must be last`, value);
      if (rank <= place) throw broken(`${part.name} is doubled or out of order`, value);
      if (part.offset < previous.offset) throw broken('offsets fall', value);
      if (part.offset > previous.offset) {
        sections.push({ name: previous.name as 'req-hdr', length: part.offset - previous.offset });
      } else if (!lenient) {
        throw broken(`${previous.name} is empty`, value);
      }
    }
    previous = part;
    place = rank;
  }
  if (previous === null || !isBody(previous.name))
    throw broken('no body part (null-body if there is none)', value);
  const body = previous.name === 'null-body' ? null : previous.name;
  checkPairing(sections, body, method, side, value);
  return { sections, body: body as Encapsulated['body'], headerBytes: previous.offset };
}

/** Formats a value for the wire: lower-case names, `, ` between (C-23). */
export function formatEncapsulated(parts: readonly EncapsulatedPart[]): string {
  return parts.map((part) => `${part.name}=${part.offset}`).join(', ');
}

/**
 * Refuses requests that carry no part to adapt: erratum 4 wants at least one of the message to be
 * modified (C-21.04, C-21.12).
 * @throws {IcapError} `ERR_ICAP_ENCAPSULATED`
 */
export function requireMessagePart(encapsulated: Encapsulated, method: IcapMethod): void {
  if (method === 'OPTIONS' || encapsulated.body !== null) return;
  const wanted = method === 'REQMOD' ? 'req-hdr' : 'res-hdr';
  if (encapsulated.sections.some((section) => section.name === wanted)) return;
  throw new IcapError('ERR_ICAP_ENCAPSULATED', `a ${method} request carries neither ${wanted} nor a body`);
}

function parseElement(element: string, value: string): EncapsulatedPart {
  const match = ELEMENT.exec(element);
  if (match === null) throw broken(`"${printable(element)}" is not name=offset`, value);
  const name = match[1] as PartName;
  const offset = Number(match[2]);
  if (!PARTS.has(name)) throw broken(`unknown part ${name}`, value);
  if (!Number.isSafeInteger(offset)) throw broken('an offset is too large', value);
  return { name, offset };
}

function checkPairing(
  sections: readonly { name: string }[],
  body: string | null,
  method: IcapMethod,
  side: IcapSide,
  value: string,
): void {
  if (method !== 'REQMOD' || side !== 'response') return;
  const names = sections.map((section) => section.name.slice(0, 3));
  if (body !== null) names.push(body.slice(0, 3));
  if (names.some((name) => name !== names[0])) throw broken('request and response parts are mixed', value);
}

function isBody(name: PartName): boolean {
  return name.endsWith('-body');
}

function broken(what: string, value: string): IcapError {
  return new IcapError('ERR_ICAP_ENCAPSULATED', `Encapsulated: ${what} in "${printable(value)}"`);
}
