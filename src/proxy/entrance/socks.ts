// SOCKS messages, as bytes: what a client says, and what it is answered. Pure: no socket, no timer. The
// order in which they come is socks-dialogue.ts. RFC 1928 (SOCKS5), RFC 1929 (user and password), and for
// version 4 "SOCKS: A protocol for TCP proxy across firewalls" with its extension 4A.

import { HttpError, printable } from '../../errors.ts';
import { parseHost } from '../../util/authority.ts';

export const NO_AUTHENTICATION = 0x00;
export const USER_AND_PASSWORD = 0x02;
export const NO_ACCEPTABLE_METHOD = 0xff;

const CONNECT = 0x01;
const MAX_TEXT = 255; // bytes of a user id or host name of version 4

/** Replies of version 5, RFC 1928 §6. */
export const REPLY = {
  granted: 0x00,
  failed: 0x01,
  notAllowed: 0x02,
  hostUnreachable: 0x04,
  commandNotSupported: 0x07,
  addressNotSupported: 0x08,
} as const;
export type Reply = (typeof REPLY)[keyof typeof REPLY];

export interface Greeting {
  readonly length: number;
  readonly methods: readonly number[];
}

export interface SocksLogIn {
  readonly length: number;
  readonly user: Buffer;
  readonly password: Buffer;
}

export interface SocksRequest {
  readonly version: 4 | 5;
  readonly length: number;
  readonly target: { readonly host: string; readonly port: number };
}

/** A request that is answered with this and then closed. */
export class SocksRefusal extends HttpError {
  readonly reply: Reply;
  readonly version: 4 | 5;

  constructor(version: 4 | 5, reply: Reply, message: string) {
    super('ERR_PROXY_SOCKS', message);
    this.version = version;
    this.reply = reply;
  }
}

// Each reader gets all bytes so far, and returns null while there are too few.

/** The methods that a client offers, version included. */
export function readGreeting(bytes: Buffer): Greeting | null {
  if (bytes.length < 2) return null;
  const length = 2 + bytes[1]!;
  return bytes.length < length ? null : { length, methods: [...bytes.subarray(2, length)] };
}

/**
 * User and password, RFC 1929 §2.
 * @throws {HttpError} `ERR_PROXY_SOCKS`
 */
export function readLogIn(bytes: Buffer): SocksLogIn | null {
  if (bytes.length > 0 && bytes[0] !== 1) throw broken('the log-in is not of version 1');
  const userEnd = 2 + (bytes[1] ?? 0);
  const length = userEnd + 1 + (bytes[userEnd] ?? 0);
  if (bytes.length <= userEnd || bytes.length < length) return null;
  return { length, user: bytes.subarray(2, userEnd), password: bytes.subarray(userEnd + 1, length) };
}

/**
 * What a client of version 5 wants.
 * @throws {SocksRefusal} BIND, UDP ASSOCIATE, a target that is none; {HttpError} `ERR_PROXY_SOCKS`
 */
export function readRequest(bytes: Buffer): SocksRequest | null {
  if (bytes.length < 5) return null;
  const [version, command, , type, first = 0] = bytes;
  if (version !== 5) throw broken(`version ${version} behind version 5`);
  const size = type === 1 ? 4 : type === 4 ? 16 : type === 3 ? 1 + first : null;
  if (size === null) {
    throw new SocksRefusal(5, REPLY.addressNotSupported, `unknown address type ${type}`);
  }
  const length = 4 + size + 2;
  if (bytes.length < length) return null;
  if (command !== CONNECT) {
    const name = command === 2 ? 'BIND' : command === 3 ? 'UDP ASSOCIATE' : `command ${command}`;
    throw new SocksRefusal(5, REPLY.commandNotSupported, `${name} is not supported, only CONNECT`);
  }
  const address = bytes.subarray(4, 4 + size);
  const text = type === 3 ? address.toString('latin1', 1) : type === 1 ? address.join('.') : ipv6(address);
  const refuse = (what: string): SocksRefusal => new SocksRefusal(5, REPLY.addressNotSupported, what);
  return { version: 5, length, target: targetOf(text, bytes.readUInt16BE(length - 2), refuse) };
}

/**
 * What a client of version 4 or 4A wants; the user id, which proves nothing, is left out.
 * @throws {SocksRefusal} BIND, a target that is none; {HttpError} `ERR_PROXY_SOCKS`
 */
export function readRequest4(bytes: Buffer): SocksRequest | null {
  if (bytes.length < 9) return null;
  const idEnd = textEnd(bytes, 8, 'user id');
  if (idEnd < 0) return null;
  const isName = bytes.readUInt32BE(4) < 0x100 && bytes[7] !== 0; // 0.0.0.x
  const nameEnd = isName ? textEnd(bytes, idEnd + 1, 'host name') : idEnd;
  if (nameEnd < 0) return null;
  const refuse = (what: string): SocksRefusal => new SocksRefusal(4, REPLY.failed, what);
  if (bytes[1] !== CONNECT) throw refuse('only CONNECT is supported');
  const text = isName ? bytes.toString('latin1', idEnd + 1, nameEnd) : bytes.subarray(4, 8).join('.');
  return { version: 4, length: nameEnd + 1, target: targetOf(text, bytes.readUInt16BE(2), refuse) };
}

export function methodMessage(method: number): Buffer {
  return Buffer.from([5, method]);
}

export function logInMessage(isRight: boolean): Buffer {
  return Buffer.from([1, isRight ? 0 : 1]);
}

/** The bound address in it is left open: nobody but BIND needs it. */
export function replyMessage(version: 4 | 5, reply: Reply): Buffer {
  if (version === 5) return Buffer.from([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.from([0, reply === REPLY.granted ? 0x5a : 0x5b, 0, 0, 0, 0, 0, 0]);
}

/** Offset of the NUL behind a text; -1 while it has not come. */
function textEnd(bytes: Buffer, from: number, what: string): number {
  const end = bytes.indexOf(0, from);
  if (end >= 0 ? end - from > MAX_TEXT : bytes.length - from > MAX_TEXT)
    throw broken(`the ${what} is too long`);
  return end;
}

function targetOf(
  text: string,
  port: number,
  refuse: (what: string) => SocksRefusal,
): SocksRequest['target'] {
  const parsed = parseHost(text);
  if (parsed === null || port === 0) throw refuse(`no host and port: "${printable(text)}" ${port}`);
  return { host: parsed.host, port };
}

/** RFC 5952 text; v4 mapped into v6 as it stands, which the checks of targets see through. */
function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

function broken(what: string): HttpError {
  return new HttpError('ERR_PROXY_SOCKS', `malformed SOCKS message: ${what}`);
}
