// SOCKS5 parents: method, log-in by user and password where one is configured, CONNECT to a name or an
// address. RFC 1928, RFC 1929.

import type { Socket } from 'node:net';
import { isIPv4, isIPv6 } from 'node:net';
import type { HttpError } from '../../errors.ts';
import { formatAuthority } from '../../util/authority.ts';
import { ipv6Groups } from '../../util/own-address.ts';
import type { OriginTarget } from './engine.ts';
import { asParentError, parentDemandsLogin, parentError } from './parent-errors.ts';
import { readReply } from './parent-reply.ts';
import type { Parent } from './parents.ts';
import type { Settle } from './time-limit.ts';

const VERSION = 5;
const LOGIN_VERSION = 1;
const CONNECT = 1;
const METHOD = { none: 0, login: 2, unacceptable: 0xff } as const;
const ADDRESS_TYPE = { ipv4: 1, name: 3, ipv6: 4 } as const;
const NOT_ALLOWED = 2; // by the rules of the parent
const REPLIES: readonly string[] = [
  'succeeded',
  'general failure',
  'connection not allowed by its rules',
  'network unreachable',
  'host unreachable',
  'connection refused',
  'TTL expired',
  'command not supported',
  'address type not supported',
];

/**
 * Opens a tunnel on a connection to the parent.
 *
 * @param host  what the parent is asked for: a name for it to look up, or an address
 * @returns stops it
 * @throws {HttpError} by `settle`: `ERR_PARENT_AUTH`, `…_REFUSED`, `…_STATUS` (the parent cannot reach the
 *         target), `…_UNAVAILABLE` (closed, or no SOCKS5)
 */
export function openSocksTunnel(
  socket: Socket,
  parent: Parent,
  target: OriginTarget,
  host: string,
  settle: Settle<void>,
): () => void {
  const { credentials } = parent.options;
  let stop = (): void => {};
  const failed = (error: NodeJS.ErrnoException): void => settle.reject(asParentError(error, parent, target));
  const ask = <T>(
    bytes: Buffer,
    parse: (bytes: Buffer) => { reply: T; length: number } | null,
    onReply: (reply: T) => void,
  ): void => {
    stop = readReply(socket, parse, { onReply, onFailed: failed });
    socket.write(bytes);
  };

  const greet = (): void => {
    const methods = credentials === null ? [METHOD.none] : [METHOD.none, METHOD.login];
    ask(Buffer.from([VERSION, methods.length, ...methods]), parsePair(VERSION), (method) => {
      if (method === METHOD.none) connect();
      else if (method === METHOD.login && credentials !== null) logIn(credentials);
      else settle.reject(parentDemandsLogin(parent, target));
    });
  };
  const logIn = ({ user, password }: { user: string; password: string }): void => {
    const bytes = Buffer.concat([Buffer.from([LOGIN_VERSION]), counted(user), counted(password)]);
    ask(bytes, parsePair(LOGIN_VERSION), (status) => {
      if (status === 0) connect();
      else settle.reject(parentDemandsLogin(parent, target));
    });
  };
  const connect = (): void => {
    const port = Buffer.from([target.port >> 8, target.port & 0xff]);
    ask(Buffer.concat([Buffer.from([VERSION, CONNECT, 0]), destination(host), port]), parseReply, (reply) => {
      if (reply === 0) settle.resolve();
      else settle.reject(refusal(reply, parent, target));
    });
  };
  greet();
  return () => stop();
}

function refusal(reply: number, parent: Parent, target: OriginTarget): HttpError {
  const said = REPLIES[reply] ?? `failure ${reply}`;
  const code = reply === NOT_ALLOWED ? 'ERR_PARENT_REFUSED' : 'ERR_PARENT_STATUS';
  return parentError(
    code,
    parent,
    target,
    `answered "${said}" for ${formatAuthority(target.host, target.port)}`,
  );
}

/** One byte of length, then UTF-8. The configuration admits at most 255 bytes. */
function counted(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function destination(host: string): Buffer {
  if (isIPv4(host)) return Buffer.from([ADDRESS_TYPE.ipv4, ...host.split('.').map(Number)]);
  if (!isIPv6(host)) return Buffer.concat([Buffer.from([ADDRESS_TYPE.name]), counted(host)]);
  const bytes = ipv6Groups(host).flatMap((group) => [group >> 8, group & 0xff]);
  return Buffer.from([ADDRESS_TYPE.ipv6, ...bytes]);
}

/** Version and one more byte: method or status. */
function parsePair(version: number): (bytes: Buffer) => { reply: number; length: number } | null {
  return (bytes) => {
    checkVersion(bytes, version);
    return bytes.length < 2 ? null : { reply: bytes[1]!, length: 2 };
  };
}

/** Version, reply, reserved, and the address that the parent has bound, which nobody needs. */
function parseReply(bytes: Buffer): { reply: number; length: number } | null {
  checkVersion(bytes, VERSION);
  if (bytes.length < 5)
    return bytes.length > 1 && bytes[1] !== 0 ? { reply: bytes[1]!, length: bytes.length } : null;
  const length = { [ADDRESS_TYPE.ipv4]: 10, [ADDRESS_TYPE.ipv6]: 22, [ADDRESS_TYPE.name]: 7 + bytes[4]! }[
    bytes[3]!
  ];
  if (length === undefined) throw new Error('its SOCKS5 reply has an unknown type of address');
  return bytes.length < length ? null : { reply: bytes[1]!, length };
}

function checkVersion(bytes: Buffer, version: number): void {
  if (bytes[0] !== version) throw new Error('it does not speak SOCKS5');
}
