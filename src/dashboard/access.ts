// Who may see more of the dashboard than that it lives: a token, compared in constant time, and a Host that
// no foreign name can stand in. The token of a running instance lies in a file that only its user can read,
// so that the command line finds it.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { isIP } from 'node:net';
import path from 'node:path';
import { parseAuthority } from '../util/authority.ts';

const TOKEN_BYTES = 24;
const TOKEN = /^[A-Za-z0-9_-]{32,64}$/;

/** A token as it is made; whoever has it may read everything here. */
export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/** Beside the CA, in the folder of proxy.certs. */
export function tokenFileIn(certs: string): string {
  return path.join(certs, 'dashboard.token');
}

/**
 * The token in a file; null where there is none, or where others may read or write it, so that it is none.
 * Also null for a link.
 */
export function readTokenFile(file: string): string | null {
  let descriptor: number | null = null;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { mode } = fstatSync(descriptor);
    const isPrivate = process.platform === 'win32' || (mode & 0o077) === 0;
    const token = readFileSync(descriptor, 'latin1').trim();
    return isPrivate && TOKEN.test(token) ? token : null;
  } catch {
    return null;
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
}

/** Writes a token with mode 0600, whole or not at all. Throws what the file system says. */
export function writeTokenFile(file: string, token: string): void {
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(temporary, `${token}\n`, { mode: 0o600, flag: 'wx' });
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Whether an Authorization field carries the token (RFC 6750 §2.1). Takes as long for any wrong one. */
export function carriesToken(authorization: string | undefined, token: string): boolean {
  const given = /^Bearer +(\S{1,512}) *$/i.exec(authorization ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * Whether a Host field is one that nobody can point at us by DNS: an address, `localhost`, or the name that
 * the dashboard listens on. A page of a foreign name that resolves here (DNS rebinding) is not.
 */
export function isKnownHost(host: string | undefined, listenHost: string): boolean {
  const parsed = parseAuthority(host ?? '', 80);
  if (parsed === null) return false;
  return isIP(parsed.host) !== 0 || parsed.host === 'localhost' || parsed.host === listenHost.toLowerCase();
}
