// Changes one CA for another without a day on which clients trust neither. The next one waits beside the
// one in use, published in ca.pem from the start; on its day it takes the place, and the former stays
// published until it is dropped. Everything here may be repeated: a crash in the middle is made good at the
// next start. Who asks for it is the command line's.

import { X509Certificate } from 'node:crypto';
import { mkdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

import { TlsError } from '../errors.ts';
import { joinBundle, pemBlocks, splitBundle } from './bundle.ts';
import { parseChain } from './examine.ts';
import type { CaPems } from './files.ts';
import { certificatePathIn, keyPathIn, readIfThere, replaceFile, unreadable } from './files.ts';

const nextCertificatePathIn = (dir: string): string => join(dir, 'next.pem');
const nextKeyPathIn = (dir: string): string => join(dir, 'next.key');
const ACTIVE_FROM = '# weir: active from ';
const MAX_BESIDES = 8; // certificates published besides the one in use

export interface NextCa {
  readonly x509: X509Certificate;
  /** Milliseconds since the epoch. */
  readonly activeFrom: number;
}

/** The CA that waits, or null. @throws {TlsError} `ERR_CA_UNREADABLE`, `ERR_CA_INVALID` */
export async function nextCa(dir: string): Promise<NextCa | null> {
  const text = await readIfThere(nextCertificatePathIn(dir));
  if (text === null) return null;
  const path = nextCertificatePathIn(dir);
  const [x509] = parseChain(text, path);
  const line = text.split('\n').find((one) => one.startsWith(ACTIVE_FROM));
  const activeFrom = line === undefined ? NaN : Date.parse(line.slice(ACTIVE_FROM.length));
  if (Number.isNaN(activeFrom)) {
    throw new TlsError('ERR_CA_INVALID', `${path} does not say when it becomes active`, { path });
  }
  return { x509, activeFrom };
}

/**
 * Puts a CA beside the one in use, to take over at `activeFrom`; clients get it with ca.pem from now on.
 *
 * @param next  with its key as it shall be stored
 * @throws {TlsError} `ERR_CA_INVALID`: another one waits already; `ERR_CA_UNREADABLE`
 */
export async function beginRotation(dir: string, next: CaPems, activeFrom: number): Promise<void> {
  const waiting = await nextCa(dir);
  if (waiting !== null) {
    const message = `a new CA waits already, to be active from ${new Date(waiting.activeFrom).toISOString()}: cancel it first`;
    throw new TlsError('ERR_CA_INVALID', message, { path: nextCertificatePathIn(dir) });
  }
  const present = await currentBundle(dir);
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await replaceFile(nextKeyPathIn(dir), next.keyPem, 0o600);
    const text = `${ACTIVE_FROM}${new Date(activeFrom).toISOString()}\n${next.certificatePem}`;
    await replaceFile(nextCertificatePathIn(dir), text, 0o644);
    const published = pemBlocks(next.certificatePem).at(-1)!;
    await writeBundle(dir, present.chain, [...present.besides, published]);
  } catch (error) {
    throw unreadable('write', dir, error);
  }
}

/**
 * Lets the CA that waits take over if its time has come.
 * @returns whether it did
 * @throws {TlsError} `ERR_CA_UNREADABLE`, `ERR_CA_INVALID`
 */
export async function completeRotation(dir: string, now: number): Promise<boolean> {
  const next = await nextCa(dir);
  if (next === null || next.activeFrom > now) return false;
  const keyPem = await readIfThere(nextKeyPathIn(dir));
  const nextText = await readIfThere(nextCertificatePathIn(dir));
  const present = await currentBundle(dir);
  try {
    const chain = pemBlocks(nextText ?? '').map((block) => `${block}\n`);
    const former = pemBlocks(present.chain).at(-1);
    const first = pemBlocks(present.chain)[0];
    const done =
      first !== undefined && new X509Certificate(first).fingerprint256 === next.x509.fingerprint256;
    // The key first: whoever finds only that changed comes here again, because next.pem is still there.
    if (keyPem !== null) await replaceFile(keyPathIn(dir), keyPem, 0o600);
    if (!done) {
      const besides = former === undefined ? present.besides : [...present.besides, former];
      await writeBundle(dir, chain.join(''), besides);
    }
    await unlink(nextKeyPathIn(dir)).catch(() => undefined); // another process may have been here
    await unlink(nextCertificatePathIn(dir)).catch(() => undefined);
  } catch (error) {
    throw unreadable('write', dir, error);
  }
  return true;
}

/** Gives up the CA that waits. @returns false where none does */
export async function cancelRotation(dir: string): Promise<boolean> {
  const next = await nextCa(dir);
  if (next === null) return false;
  const { chain, besides } = await currentBundle(dir);
  try {
    const kept = besides.filter(
      (pem) => new X509Certificate(pem).fingerprint256 !== next.x509.fingerprint256,
    );
    await writeBundle(dir, chain, kept);
    await unlink(nextCertificatePathIn(dir));
    await unlink(nextKeyPathIn(dir));
  } catch (error) {
    throw unreadable('write', dir, error);
  }
  return true;
}

/** Takes the former CAs out of ca.pem. @returns their certificates */
export async function dropFormer(dir: string): Promise<X509Certificate[]> {
  const next = await nextCa(dir);
  const { chain, besides } = await currentBundle(dir);
  const isNext = (pem: string): boolean =>
    next !== null && new X509Certificate(pem).fingerprint256 === next.x509.fingerprint256;
  try {
    await writeBundle(dir, chain, besides.filter(isNext));
  } catch (error) {
    throw unreadable('write', dir, error);
  }
  return besides.filter((pem) => !isNext(pem)).map((pem) => new X509Certificate(pem));
}

async function currentBundle(dir: string): Promise<{ chain: string; besides: readonly string[] }> {
  return splitBundle((await readIfThere(certificatePathIn(dir))) ?? '');
}

/** Once each, without those that have expired or that the chain holds anyway. */
async function writeBundle(dir: string, chain: string, besides: readonly string[]): Promise<void> {
  const seen = new Set(pemBlocks(chain).map((block) => new X509Certificate(block).fingerprint256));
  const kept = besides.filter((pem) => {
    const { fingerprint256, validTo } = new X509Certificate(pem);
    if (seen.has(fingerprint256) || Date.parse(validTo) < Date.now()) return false;
    seen.add(fingerprint256);
    return true;
  });
  const text = joinBundle({ chain, besides: kept.slice(-MAX_BESIDES) });
  await replaceFile(certificatePathIn(dir), text, 0o644);
}
