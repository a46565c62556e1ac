// The PROXY protocol, versions 1 (a text line) and 2 (binary): reads the header that a balancer sends in
// front of a connection, out of pieces of any size. Pure: no socket, no timer. Who may send one, and what
// the addresses in it are good for, the entrances of proxy and ICAP server decide. HAProxy's
// proxy-protocol.txt, sections 2.1 and 2.2.

import { isIPv4, isIPv6 } from 'node:net';
import { HttpError, printable } from '../errors.ts';
import { ByteCollector } from '../icap/codec/byte-collector.ts';
import { crc32c } from '../util/crc32c.ts';

export interface ProxyHeader {
  readonly version: 1 | 2;
  /**
   * `proxied`: the connection of a client whose address is known; `unknown`: of a client that the balancer
   * cannot name; `local`: the balancer's own, such as a health check.
   */
  readonly kind: 'proxied' | 'unknown' | 'local';
  /** Address of the client; null unless `proxied`. v4 mapped into v6 is given as v4. */
  readonly address: string | null;
  readonly port: number | null;
  /** What the client had connected to; null unless `proxied`. */
  readonly target: { readonly address: string; readonly port: number } | null;
}

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const PREFIX = Buffer.from('PROXY ', 'latin1');
export const MAX_LINE = 107; // bytes of version 1, CR LF included
const FIXED = 16; // bytes of version 2 before the addresses
export const MAX_BLOCK = 4096; // bytes of version 2 behind the fixed part
const TLV_CRC32C = 0x03;

/** Bytes of the address block by family and transport; datagrams cannot be behind a TCP connection. */
const ADDRESS_BYTES: ReadonlyMap<number, number> = new Map([
  [0x00, 0], // unspecified
  [0x11, 12], // TCP over IPv4
  [0x21, 36], // TCP over IPv6
  [0x31, 216], // Unix stream
]);

const NO_ADDRESS = { address: null, port: null, target: null };

export class ProxyHeaderReader {
  readonly #collector = new ByteCollector();

  /** Bytes of the header that were read so far. */
  get length(): number {
    return this.#collector.length;
  }

  /**
   * Reads on.
   *
   * @returns the header and the offset in `bytes` of what follows it; null while it is not complete
   * @throws {HttpError} `ERR_PROXY_HEADER`: these bytes are no PROXY header
   */
  execute(bytes: Buffer): { readonly header: ProxyHeader; readonly end: number } | null {
    const before = this.#collector.length;
    this.#collector.append(bytes, 0, Math.min(bytes.length, FIXED + MAX_BLOCK - before));
    const found = parseProxyHeader(this.#collector.peek());
    return found === null ? null : { header: found.header, end: found.length - before };
  }
}

/**
 * Parses a header at the start of `bytes`.
 *
 * @returns the header and its length; null when more bytes are needed to tell
 * @throws {HttpError} `ERR_PROXY_HEADER`
 */
export function parseProxyHeader(bytes: Buffer): { header: ProxyHeader; length: number } | null {
  if (startsLike(bytes, SIGNATURE)) return parseBinary(bytes);
  if (startsLike(bytes, PREFIX)) return parseLine(bytes);
  throw malformed(`the connection begins with "${printable(bytes.subarray(0, 20))}"`);
}

/** True when `bytes` begins with `start`, or is the beginning of it. */
function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function parseLine(bytes: Buffer): { header: ProxyHeader; length: number } | null {
  const end = bytes.subarray(0, MAX_LINE).indexOf('\r\n', 0, 'latin1');
  if (end < 0) {
    if (bytes.length < MAX_LINE) return null;
    throw malformed(`the line is longer than ${MAX_LINE} bytes`);
  }
  const line = bytes.toString('latin1', 0, end);
  return { header: lineHeader(line), length: end + 2 };
}

function lineHeader(line: string): ProxyHeader {
  const [, family, source, target, sourcePort, targetPort, ...rest] = line.split(' ');
  if (family === 'UNKNOWN') return { ...NO_ADDRESS, version: 1, kind: 'unknown' };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIPv6 : () => false;
  const sound =
    rest.length === 0 &&
    isAddress(source ?? '') &&
    isAddress(target ?? '') &&
    isPort(sourcePort) &&
    isPort(targetPort);
  if (!sound) throw malformed(`not an address line: "${printable(line)}"`);
  return {
    version: 1,
    kind: 'proxied',
    address: plainText(source!),
    port: Number(sourcePort),
    target: { address: plainText(target!), port: Number(targetPort) },
  };
}

function parseBinary(bytes: Buffer): { header: ProxyHeader; length: number } | null {
  if (bytes.length < FIXED) return null;
  const command = bytes[12]!;
  if (command >> 4 !== 2) throw malformed(`version ${command >> 4} is neither 1 nor 2`);
  if ((command & 0x0f) > 1) throw malformed(`unknown command ${command & 0x0f}`);
  const local = (command & 0x0f) === 0;
  const family = bytes[13]!;
  const size = bytes.readUInt16BE(14);
  if (size > MAX_BLOCK) throw malformed(`it announces ${size} bytes, at most ${MAX_BLOCK} are read`);
  const addressBytes = ADDRESS_BYTES.get(family);
  // What stands behind LOCAL is to be skipped, whatever it is.
  const skipped = local && (addressBytes === undefined || addressBytes > size);
  if (!skipped && addressBytes === undefined) {
    throw malformed(`address family and transport 0x${family.toString(16).padStart(2, '0')} are not TCP`);
  }
  if (!skipped && addressBytes! > size) {
    throw malformed(`it announces ${size} bytes, its addresses alone have ${addressBytes!}`);
  }
  const length = FIXED + size;
  if (bytes.length < length) return null;
  const whole = bytes.subarray(0, length);
  if (!skipped) checkExtensions(whole, FIXED + addressBytes!);
  return { header: binaryHeader(whole, local, family), length };
}

function binaryHeader(bytes: Buffer, local: boolean, family: number): ProxyHeader {
  if (local) return { ...NO_ADDRESS, version: 2, kind: 'local' };
  if (family !== 0x11 && family !== 0x21) return { ...NO_ADDRESS, version: 2, kind: 'unknown' };
  const size = family === 0x11 ? 4 : 16;
  const text = size === 4 ? ipv4At : ipv6At;
  const ports = FIXED + 2 * size;
  return {
    version: 2,
    kind: 'proxied',
    address: text(bytes, FIXED),
    port: bytes.readUInt16BE(ports),
    target: { address: text(bytes, FIXED + size), port: bytes.readUInt16BE(ports + 2) },
  };
}

function ipv4At(bytes: Buffer, at: number): string {
  return bytes.subarray(at, at + 4).join('.');
}

function ipv6At(bytes: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 2 * i).toString(16));
  return ipv6Text(groups.join(':'));
}

/** The extensions behind the addresses: well-formed, and a checksum, where there is one, that is right. */
function checkExtensions(header: Buffer, from: number): void {
  let at = from;
  while (at < header.length) {
    const value = at + 3;
    const end = value <= header.length ? value + header.readUInt16BE(at + 1) : Infinity;
    if (end > header.length) throw malformed('an extension ends behind the header');
    if (header[at] === TLV_CRC32C) checkSum(header, value, end);
    at = end;
  }
}

/** CRC32C over the whole header with the checksum itself taken as zero. */
function checkSum(header: Buffer, from: number, to: number): void {
  if (to - from !== 4) throw malformed('its checksum has not 4 bytes');
  const copy = Buffer.from(header);
  copy.fill(0, from, to);
  if (crc32c(copy) !== header.readUInt32BE(from)) throw malformed('its checksum is wrong');
}

function plainText(address: string): string {
  return address.includes(':') ? ipv6Text(address) : address;
}

/** RFC 5952 text: lower case, the longest run of zeros shortened; v4 mapped into v6 as v4. */
function ipv6Text(address: string): string {
  const { hostname } = new URL(`http://[${address}]/`);
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname) ?? [];
  if (high === undefined || low === undefined) return hostname.slice(1, -1);
  const bits = parseInt(high, 16) * 0x10000 + parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}

function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function isPort(text: string | undefined): boolean {
  return text !== undefined && /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function malformed(what: string): HttpError {
  return new HttpError('ERR_PROXY_HEADER', `no valid PROXY header: ${what}`);
}
