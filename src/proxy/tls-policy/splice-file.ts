// The file of learned splices, beside the certificates: readable by its owner alone, replaced whole or not at
// all. `weir splice` changes it, and a running Weir notices. What is in it, self-healing.ts decides.

import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { Rejection } from './client-trust.ts';

/** A host that is passed through for one client. */
export interface LearnedSplice {
  /** Address. */
  readonly client: string;
  readonly user: string | null;
  /** Of CONNECT, and what the ClientHello said. */
  readonly host: string;
  readonly port: number;
  readonly sni: string | null;
  /** Milliseconds since the epoch. */
  readonly learnedAt: number;
  readonly expiresAt: number;
  /** What it was learned from. */
  readonly evidence: readonly Rejection[];
}

export const MAX_SPLICES = 2_000; // of all clients; a file of them is read in some milliseconds
const MAX_FILE = 4 * 1024 * 1024; // bytes
const MAX_EVIDENCE = 100;

export function spliceFileIn(certs: string): string {
  return path.join(certs, 'splices.json');
}

/** Equal as long as nobody else has changed the file; null where there is none. */
export function signatureOf(file: string): string | null {
  try {
    const { ino, size, mtimeMs, mode } = statSync(file);
    return `${ino} ${size} ${mtimeMs} ${mode}`;
  } catch {
    return null;
  }
}

/**
 * What is in the file; nothing where there is none. Entries that are none are left out.
 * @throws {Error} it cannot be read, is no JSON, is too large, a link, or others may write to it
 */
export function readSplices(file: string): LearnedSplice[] {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    const { mode, size } = fstatSync(descriptor);
    if (process.platform !== 'win32' && (mode & 0o022) !== 0) {
      throw new Error(`${file} can be written by others: chmod 600 it, or delete it`);
    }
    if (size > MAX_FILE) throw new Error(`${file} is larger than ${MAX_FILE} bytes`);
    const text = readFileSync(descriptor, 'utf8');
    const { splices } = JSON.parse(text) as { splices?: unknown };
    if (!Array.isArray(splices)) throw new Error(`${file} is no file of learned splices`);
    return splices.filter(isSplice).slice(0, MAX_SPLICES);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Replaces the file. Its owner stays, whoever does that.
 * @returns its signature
 * @throws {Error} what the file system says
 */
export function writeSplices(file: string, splices: readonly LearnedSplice[]): string | null {
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    const text = `{"v":1,"splices":[${splices.map((splice) => `\n${JSON.stringify(splice)}`).join(',')}\n]}\n`;
    writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' });
    keepOwner(file, temporary);
    renameSync(temporary, file);
    return signatureOf(file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function keepOwner(file: string, temporary: string): void {
  if (process.getuid?.() !== 0) return;
  try {
    const { uid, gid } = statSync(file);
    chownSync(temporary, uid, gid);
  } catch {
    // The first one: it belongs to whoever writes it.
  }
}

function isSplice(value: unknown): value is LearnedSplice {
  if (typeof value !== 'object' || value === null) return false;
  const { client, user, host, port, sni, learnedAt, expiresAt, evidence } = value as Record<string, unknown>;
  return (
    isText(client) &&
    (user === null || isText(user)) &&
    isText(host) &&
    Number.isInteger(port) &&
    (sni === null || isText(sni)) &&
    Number.isFinite(learnedAt) &&
    Number.isFinite(expiresAt) &&
    Array.isArray(evidence) &&
    evidence.length <= MAX_EVIDENCE &&
    evidence.every(isRejection)
  );
}

function isRejection(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { at, how } = value as Record<string, unknown>;
  return Number.isFinite(at) && isText(how);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 300 && !/[\u0000-\u001f\u007f]/.test(value);
}
