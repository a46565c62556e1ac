// The two files of a certificate authority: reading, creating and replacing them, with their permissions.
// The private key file doubles as the lock: who creates it (O_EXCL) is the one that makes the CA, and the
// certificate appears by rename only after the key is complete. So whoever sees ca.pem can read ca.key.

import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { messageOf, TlsError } from '../errors.ts';

const MAX_FILE_SIZE = 256 * 1024; // bytes; a chain of ten RSA-4096 certificates has 25 KiB
const BIRTH_TIME_MS = 5_000; // how long another process may take between its key and its certificate
const POLL_MS = 25;

export interface CaPems {
  /** The CA certificate, then the certificates above it if any. */
  readonly certificatePem: string;
  readonly keyPem: string;
}

export const certificatePathIn = (dir: string): string => join(dir, 'ca.pem');
export const keyPathIn = (dir: string): string => join(dir, 'ca.key');

/**
 * Reads both files and makes the key file private if it was not.
 *
 * @returns null when neither file exists
 * @throws {TlsError} `ERR_CA_UNREADABLE`: folder, file or permissions; `ERR_CA_INVALID`: one is missing
 */
export async function readCaFiles(dir: string): Promise<CaPems | null> {
  const certificatePath = certificatePathIn(dir);
  const keyPath = keyPathIn(dir);
  // The certificate first: once it is there, the key is whole.
  let certificatePem = await readIfThere(certificatePath);
  if (certificatePem === null) {
    if ((await readIfThere(keyPath)) === null) return null;
    certificatePem = await awaitCertificate(certificatePath, keyPath);
    if (certificatePem === null) throw missing(certificatePath, keyPath);
  }
  const keyPem = await readIfThere(keyPath);
  if (keyPem === null) throw missing(keyPath, certificatePath);
  await makePrivate(keyPath);
  return { certificatePem, keyPem };
}

/**
 * Writes a new pair, unless another process was first.
 *
 * @returns false when a key file is there already; nothing was written then
 * @throws {TlsError} `ERR_CA_UNREADABLE` when the folder cannot be written
 */
export async function createCaFiles(dir: string, pems: CaPems): Promise<boolean> {
  const keyPath = keyPathIn(dir);
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await writeExclusive(keyPath, pems.keyPem, 0o600);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw unreadable('create', keyPath, error);
  }
  try {
    await replaceFile(certificatePathIn(dir), pems.certificatePem, 0o644);
  } catch (error) {
    await unlink(keyPath).catch(() => undefined); // a lone key would block every later start
    throw unreadable('create', certificatePathIn(dir), error);
  }
  return true;
}

/** Replaces both files, each by rename. @throws {TlsError} `ERR_CA_UNREADABLE` */
export async function replaceCaFiles(dir: string, pems: CaPems): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await replaceFile(keyPathIn(dir), pems.keyPem, 0o600);
    await replaceFile(certificatePathIn(dir), pems.certificatePem, 0o644);
  } catch (error) {
    throw unreadable('write', dir, error);
  }
}

/** Null where there is no such file. @throws {TlsError} `ERR_CA_UNREADABLE`, `ERR_CA_INVALID` (too large) */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_SIZE) {
      throw new TlsError('ERR_CA_INVALID', `${path} has ${size} bytes: that is no certificate or key`, {
        path,
      });
    }
    return await readFile(path, 'latin1');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    if (error instanceof TlsError) throw error;
    throw unreadable('read', path, error);
  }
}

/** Waits for the certificate of a key that was created moments ago; null when it does not come. */
async function awaitCertificate(certificatePath: string, keyPath: string): Promise<string | null> {
  for (;;) {
    const found = await readIfThere(certificatePath);
    if (found !== null) return found;
    const key = await stat(keyPath).catch(() => null);
    if (key === null || Math.abs(Date.now() - key.mtimeMs) > BIRTH_TIME_MS) return null;
    await delay(POLL_MS);
  }
}

async function makePrivate(keyPath: string): Promise<void> {
  if (process.platform === 'win32') return; // its permissions are not in the mode bits
  try {
    const { mode } = await stat(keyPath);
    if ((mode & 0o077) !== 0) await chmod(keyPath, 0o600);
  } catch (error) {
    throw unreadable('make private (chmod 600)', keyPath, error);
  }
}

async function writeExclusive(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.chmod(mode); // the umask may have taken bits away
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
}

/** Writes a file under another name first, so that nobody reads half of it. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`;
  await writeExclusive(temporary, text, mode);
  try {
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}

function missing(path: string, other: string): TlsError {
  const message = `${path} is missing but ${other} exists: restore it, or remove ${other} to make a new CA`;
  return new TlsError('ERR_CA_INVALID', message, { path });
}

export function unreadable(action: string, path: string, error: unknown): TlsError {
  const errno = errnoOf(error) ?? messageOf(error);
  const user = process.getuid === undefined ? 'the user that runs Weir' : `user id ${process.getuid()}`;
  const message = `cannot ${action} ${path} (${errno}): give ${user} access to it, or choose another certs folder`;
  return new TlsError('ERR_CA_UNREADABLE', message, { path, errno }, error);
}

export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}
