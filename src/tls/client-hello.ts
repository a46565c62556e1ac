// Reads a TLS ClientHello from the first bytes of a connection, however they are cut into chunks and TLS
// records, without taking part in the handshake. What is done with the host name (intercept, splice,
// refuse) is decided elsewhere; so is how long to wait for more bytes. RFC 8446 §4.1.2, §5.1; RFC 6066 §3;
// RFC 7301 §3.1.

import { isIP } from 'node:net';

import { parseHost } from '../util/authority.ts';

export interface ClientHello {
  /** Lower-case DNS name of the SNI extension; null without one, or when it holds an address. */
  readonly serverName: string | null;
  /** Protocol names in the client's order, latin-1, GREASE included. */
  readonly alpn: readonly string[];
  /** `supported_versions` as sent (0x0304 is TLS 1.3), GREASE included; without it the legacy version. */
  readonly versions: readonly number[];
  /** As sent, GREASE included; likewise `extensions`. */
  readonly cipherSuites: readonly number[];
  /** `signature_algorithms` as sent (0x0403 is ECDSA on P-256 with SHA-256); null without the extension. */
  readonly signatureAlgorithms: readonly number[] | null;
  readonly extensions: readonly number[];
  /** An encrypted_client_hello extension is there; browsers also send a dummy one. */
  readonly ech: boolean;
}

export type ClientHelloResult =
  | { readonly state: 'need-more' }
  | { readonly state: 'hello'; readonly hello: ClientHello }
  /** The connection does not start with a TLS record; `firstBytes` is up to 24 bytes of what came so far. */
  | { readonly state: 'not-tls'; readonly firstBytes: Buffer }
  | { readonly state: 'invalid'; readonly reason: string };

export const MAX_CLIENT_HELLO = 32_768; // bytes on the wire, record headers included

const MAX_RECORD = 16_384; // RFC 8446 §5.1
const RECORD_HEADER = 5;
const HANDSHAKE_HEADER = 4;
const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const TLS_MAJOR = 3;
const SNIFF_LENGTH = 24; // the HTTP/2 preface, the longest opening that anybody looks for
const FIRST_CAPACITY = 2_048; // a ClientHello with a post-quantum key share has 1.6 to 1.9 KB

const EXT_SERVER_NAME = 0;
const EXT_SIGNATURE_ALGORITHMS = 13;
const EXT_ALPN = 16;
const EXT_SUPPORTED_VERSIONS = 43;
const EXT_ECH = 0xfe0d;
const NAME_TYPE_HOST = 0;

const NEED_MORE: ClientHelloResult = { state: 'need-more' };

/** One reader a connection. Bytes are copied, so chunks may be reused or put back with `unshift`. */
export class ClientHelloReader {
  readonly #header = Buffer.alloc(RECORD_HEADER);
  #headerLength = 0;
  #recordLeft = 0; // payload bytes still to come of the current record
  #wireLength = 0;
  #handshake = Buffer.allocUnsafe(FIRST_CAPACITY);
  #handshakeLength = 0;
  #result: ClientHelloResult = NEED_MORE;

  /**
   * Takes the next bytes of the connection.
   *
   * @returns `need-more` until the matter is decided, then always the same result. Bytes behind the
   *          ClientHello are not looked at. Never throws.
   */
  push(chunk: Buffer): ClientHelloResult {
    for (let at = 0; at < chunk.length && this.#result === NEED_MORE;) {
      at += this.#recordLeft > 0 ? this.#takePayload(chunk, at) : this.#takeHeader(chunk, at);
    }
    return this.#result;
  }

  #takeHeader(chunk: Buffer, at: number): number {
    const taken = Math.min(RECORD_HEADER - this.#headerLength, chunk.length - at);
    chunk.copy(this.#header, this.#headerLength, at, at + taken);
    this.#headerLength += taken;
    this.#wireLength += taken;
    const [type, major] = this.#header;
    if (type !== HANDSHAKE_RECORD || (this.#headerLength > 1 && major !== TLS_MAJOR)) {
      this.#refuseRecord(chunk, at, taken);
    } else if (this.#headerLength === RECORD_HEADER) {
      this.#headerLength = 0;
      this.#recordLeft = this.#header.readUInt16BE(3);
      if (this.#recordLeft === 0) this.#invalid('empty TLS record');
      else if (this.#recordLeft > MAX_RECORD) this.#invalid(`TLS record over ${MAX_RECORD} bytes`);
      else if (this.#wireLength + this.#recordLeft > MAX_CLIENT_HELLO) this.#invalid(TOO_LARGE);
    }
    return taken;
  }

  #refuseRecord(chunk: Buffer, at: number, taken: number): void {
    if (this.#handshakeLength > 0) return this.#invalid('another TLS record inside the ClientHello');
    const seen = this.#header.subarray(0, this.#headerLength);
    const rest = chunk.subarray(at + taken, at + taken + SNIFF_LENGTH - seen.length);
    this.#result = { state: 'not-tls', firstBytes: Buffer.concat([seen, rest]) };
  }

  #takePayload(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#recordLeft, chunk.length - at);
    this.#reserve(this.#handshakeLength + taken);
    chunk.copy(this.#handshake, this.#handshakeLength, at, at + taken);
    this.#handshakeLength += taken;
    this.#recordLeft -= taken;
    this.#wireLength += taken;
    if (this.#handshake[0] !== CLIENT_HELLO) this.#invalid('the first handshake message is no ClientHello');
    else if (this.#handshakeLength >= HANDSHAKE_HEADER) {
      const end = HANDSHAKE_HEADER + this.#handshake.readUIntBE(1, 3);
      if (end + RECORD_HEADER > MAX_CLIENT_HELLO) this.#invalid(TOO_LARGE);
      else if (this.#handshakeLength >= end) {
        this.#result = parseClientHello(this.#handshake.subarray(HANDSHAKE_HEADER, end));
      }
    }
    return taken;
  }

  #reserve(length: number): void {
    if (length <= this.#handshake.length) return;
    const larger = Buffer.allocUnsafe(Math.max(length, this.#handshake.length * 2));
    this.#handshake.copy(larger, 0, 0, this.#handshakeLength);
    this.#handshake = larger;
  }

  #invalid(reason: string): void {
    this.#result = { state: 'invalid', reason };
  }
}

const TOO_LARGE = `ClientHello over ${MAX_CLIENT_HELLO} bytes`;

/** Bounds-checked reading: past the end it yields zeros and `broken` stays true, so one check is enough. */
class Cursor {
  broken = false;
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.broken || this.#at === this.#bytes.length;
  }

  uint(size: 1 | 2): number {
    const bytes = this.take(size);
    return bytes.length === size ? bytes.readUIntBE(0, size) : 0;
  }

  take(length: number): Buffer {
    const end = this.#at + length;
    if (this.broken || end > this.#bytes.length) {
      this.broken = true;
      return NO_BYTES;
    }
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  /** All that is left. */
  rest(): Buffer {
    return this.take(this.#bytes.length - this.#at);
  }

  /** A vector with its length in front. */
  vector(lengthSize: 1 | 2): Cursor {
    const inner = new Cursor(this.take(this.uint(lengthSize)));
    inner.broken = this.broken;
    return inner;
  }
}

const NO_BYTES = Buffer.alloc(0);

function parseClientHello(body: Buffer): ClientHelloResult {
  const cursor = new Cursor(body);
  const legacyVersion = cursor.uint(2);
  cursor.take(32); // random
  cursor.vector(1); // session id
  const suites = cursor.vector(2);
  const compression = cursor.vector(1);
  if (cursor.broken || compression.done) return invalid('ClientHello');
  const cipherSuites = uint16s(suites);
  if (cipherSuites === null) return invalid('cipher suites');

  let serverName: string | null = null;
  let alpn: readonly string[] = [];
  let versions: readonly number[] = [legacyVersion];
  let signatureAlgorithms: readonly number[] | null = null;
  const seen = new Set<number>();
  const list = cursor.done ? new Cursor(NO_BYTES) : cursor.vector(2); // TLS 1.2 may go without extensions
  while (!list.done) {
    const type = list.uint(2);
    const value = list.vector(2);
    if (list.broken) break;
    if (seen.has(type)) return invalid(`extensions: ${type} is there twice`);
    seen.add(type);
    if (type === EXT_SERVER_NAME) {
      const name = readServerName(value);
      if (name === undefined) return invalid('server name');
      serverName = name;
    } else if (type === EXT_ALPN) {
      const names = readProtocols(value);
      if (names === null) return invalid('ALPN');
      alpn = names;
    } else if (type === EXT_SUPPORTED_VERSIONS) {
      const offered = uint16s(value.vector(1));
      if (offered === null || !value.done || value.broken) return invalid('supported versions');
      versions = offered;
    } else if (type === EXT_SIGNATURE_ALGORITHMS) {
      signatureAlgorithms = uint16s(value.vector(2));
      if (signatureAlgorithms === null || !value.done || value.broken) return invalid('signature algorithms');
    }
  }
  if (list.broken || cursor.broken || !cursor.done) return invalid('extensions');
  const extensions = [...seen];
  const ech = seen.has(EXT_ECH);
  const hello = { serverName, alpn, versions, cipherSuites, signatureAlgorithms, extensions, ech };
  return { state: 'hello', hello };
}

function invalid(what: string): ClientHelloResult {
  return { state: 'invalid', reason: `malformed ${what}` };
}

/** All of a vector; null when it is empty or of odd length. */
function uint16s(vector: Cursor): number[] | null {
  const values: number[] = [];
  while (!vector.done) values.push(vector.uint(2));
  return vector.broken || values.length === 0 ? null : values;
}

/** @returns undefined when malformed; null when the name is an address, which RFC 6066 does not allow */
function readServerName(value: Cursor): string | null | undefined {
  const list = value.vector(2);
  if (list.broken || list.done || !value.done) return undefined;
  let name: string | null | undefined;
  while (!list.done) {
    const type = list.uint(1);
    const text = list.vector(2);
    if (list.broken || type !== NAME_TYPE_HOST || name !== undefined) return undefined;
    name = hostName(text.rest().toString('latin1'));
    if (name === undefined) return undefined;
  }
  return name;
}

function hostName(text: string): string | null | undefined {
  if (isIP(text) !== 0) return null; // some clients send it; the certificate goes by the CONNECT target then
  const host = parseHost(text);
  return host?.kind === 'dns' ? host.host : undefined;
}

/** @returns null when malformed */
function readProtocols(value: Cursor): string[] | null {
  const list = value.vector(2);
  if (list.broken || list.done || !value.done) return null;
  const names: string[] = [];
  while (!list.done) {
    const name = list.vector(1).rest();
    if (list.broken || name.length === 0) return null;
    names.push(name.toString('latin1'));
  }
  return names;
}
