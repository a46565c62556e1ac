// Builders for the few ASN.1 structures that certificates need, on top of forge's DER writer. Nothing is
// parsed by forge: reading certificates and keys is left to node:crypto, and the small reader below only
// cuts structures that node:crypto has accepted into their elements, so that they can be copied byte for
// byte. X.690; RFC 5280 §4.1.

import { sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { createRequire } from 'node:module';

import type forge from 'node-forge';

// The package's main file loads all of forge: 68 ms of start time against 15 ms for its asn1 module.
const asn1 = createRequire(import.meta.url)('node-forge/lib/asn1.js') as typeof forge.asn1;

/** An element. Written out, because forge brings no types to those who install Weir. */
export interface Node {
  tagClass: number;
  type: number;
  constructed: boolean;
  composed: boolean;
  /** Bytes as Latin-1, or its elements. */
  value: string | Node[];
}

const UNIVERSAL = 0x00;
const CONTEXT = 0x80;
const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const NULL = 0x05;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const SEQUENCE = 0x10;
const SET = 0x11;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;

export const sequence = (...items: Node[]): Node => asn1.create(UNIVERSAL, SEQUENCE, true, items);
export const set = (...items: Node[]): Node => asn1.create(UNIVERSAL, SET, true, items);
export const integer = (bytes: Buffer): Node => primitive(INTEGER, bytes);
export const octets = (bytes: Buffer): Node => primitive(OCTET_STRING, bytes);
export const utf8 = (text: string): Node => primitive(UTF8_STRING, Buffer.from(text));
export const boolean = (value: boolean): Node => primitive(BOOLEAN, Buffer.of(value ? 0xff : 0));
export const nothing = (): Node => primitive(NULL, Buffer.alloc(0));

export function oid(dotted: string): Node {
  return asn1.create(UNIVERSAL, OBJECT_IDENTIFIER, false, asn1.oidToDer(dotted).getBytes());
}

/** BIT STRING whose last octet has `unused` bits to ignore. */
export function bits(bytes: Buffer, unused = 0): Node {
  return primitive(BIT_STRING, Buffer.concat([Buffer.of(unused), bytes]));
}

/** Implicitly tagged primitive `[tag]`, as GeneralName and AuthorityKeyIdentifier use it. */
export function tagged(tag: number, bytes: Buffer): Node {
  return asn1.create(CONTEXT, tag, false, bytes.toString('latin1'));
}

/** Explicitly tagged `[tag]` around one element. */
export const explicit = (tag: number, item: Node): Node => asn1.create(CONTEXT, tag, true, [item]);

/** Implicitly tagged `[tag]` in place of a SEQUENCE. */
export const implicit = (tag: number, items: Node[]): Node => asn1.create(CONTEXT, tag, true, items);

/** UTCTime before 2050, GeneralizedTime from then on (RFC 5280 §4.1.2.5). Cut to whole seconds. */
export function time(date: Date): Node {
  const utc = date.getUTCFullYear() < 2050;
  const text = utc ? asn1.dateToUtcTime(date) : asn1.dateToGeneralizedTime(date);
  return asn1.create(UNIVERSAL, utc ? UTC_TIME : GENERALIZED_TIME, false, String(text));
}

/** Name of one common name, or the empty Name. */
export function commonName(text: string | null): Node {
  return text === null ? sequence() : sequence(set(sequence(oid('2.5.4.3'), utf8(text))));
}

export function extension(id: string, critical: boolean, value: Node): Node {
  // FALSE is the default and must not be encoded in DER.
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(encode(value)));
}

/** An element that is DER already, taken over byte for byte. */
export function verbatim(der: Buffer): Node {
  const { tag, start, end } = element(der, 0);
  // forge writes the content of a primitive node untouched; the tag octet keeps its "constructed" bit.
  return asn1.create(UNIVERSAL, tag, false, der.toString('latin1', start, end));
}

export function encode(node: Node): Buffer {
  return Buffer.from(asn1.toDer(node).getBytes(), 'latin1');
}

interface Element {
  tag: number;
  /** Offset of the content. */
  start: number;
  end: number;
}

function element(der: Buffer, at: number): Element {
  let start = at + 2;
  let length = der[at + 1] ?? 0;
  if (length >= 0x80) {
    const octetsOfLength = length & 0x7f;
    length = der.readUIntBE(start, octetsOfLength);
    start += octetsOfLength;
  }
  return { tag: der[at] ?? 0, start, end: start + length };
}

/**
 * Cuts a constructed element (or the content of an OCTET STRING) into its children, each with its header.
 *
 * @param der  DER that node:crypto has accepted; anything else may throw a RangeError
 */
export function children(der: Buffer): Buffer[] {
  const { start, end } = element(der, 0);
  const found: Buffer[] = [];
  for (let at = start; at < end;) {
    const child = element(der, at);
    found.push(der.subarray(at, child.end));
    at = child.end;
  }
  return found;
}

/** Content octets of an element. */
export function content(der: Buffer): Buffer {
  const { start, end } = element(der, 0);
  return der.subarray(start, end);
}

/**
 * Algorithm identifier and digest that a CA key signs with: the digest follows the size of the curve.
 *
 * @returns null when the key is neither RSA nor EC on P-256, P-384 or P-521
 */
export function signatureAlgorithm(key: KeyObject): { digest: string; identifier: Node } | null {
  if (key.asymmetricKeyType === 'rsa') {
    return { digest: 'sha256', identifier: sequence(oid('1.2.840.113549.1.1.11'), nothing()) };
  }
  const [digest, id] = ECDSA[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? [];
  if (key.asymmetricKeyType !== 'ec' || digest === undefined || id === undefined) return null;
  return { digest, identifier: sequence(oid(id)) }; // without parameters: RFC 5758 §3.2
}

const ECDSA: Readonly<Record<string, readonly [digest: string, oid: string]>> = {
  prime256v1: ['sha256', '1.2.840.10045.4.3.2'],
  secp384r1: ['sha384', '1.2.840.10045.4.3.3'],
  secp521r1: ['sha512', '1.2.840.10045.4.3.4'],
};

/** Signs a TBSCertificate and wraps both into a Certificate, DER. */
export function signCertificate(
  tbs: Node,
  algorithm: { digest: string; identifier: Node },
  key: KeyObject,
): Buffer {
  const tbsDer = encode(tbs);
  const signature = sign(algorithm.digest, tbsDer, key);
  return encode(sequence(verbatim(tbsDer), algorithm.identifier, bits(signature)));
}

/** PEM of DER bytes, 64 characters a line. */
export function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

function primitive(type: number, bytes: Buffer): Node {
  return asn1.create(UNIVERSAL, type, false, bytes.toString('latin1'));
}
