// How the CA is shown: the one in use, what limits it, and which others clients are to trust besides.

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type CertificateAuthority, subjectOf } from '../ca/authority.ts';
import { splitBundle } from '../ca/bundle.ts';
import { describe } from '../ca/export.ts';
import { nextCa } from '../ca/rotation.ts';
import { shortPath } from './shell.ts';
import type { Terminal } from './terminal.ts';

/** @param json  fields to print besides, or null to print lines for people */
export async function showCa(
  folder: string,
  authority: CertificateAuthority,
  json: object | null,
  terminal: Terminal,
): Promise<void> {
  const { subject, fingerprint, keyType, notBefore, notAfter } = describe(authority);
  const file = authority.certificatePath;
  const limits = authority.bounds.flatMap((bounds) => bounds.describe());
  const next = await nextCa(folder);
  const besides = splitBundle(await readFile(file, 'latin1')).besides.map((pem) => new X509Certificate(pem));
  const former = besides.filter(({ fingerprint256 }) => fingerprint256 !== next?.x509.fingerprint256);
  const above = authority.chain.slice(1).map(subjectOf);
  if (json !== null) {
    const facts = {
      ...json,
      ...{ subject, fingerprint, keyType, notBefore, notAfter, path: file },
      ...(above.length === 0 ? {} : { above }),
      ...(limits.length === 0 ? {} : { nameConstraints: limits }),
      ...(next === null ? {} : { next: { ...facetsOf(next.x509), activeFrom: new Date(next.activeFrom) } }),
      ...(former.length === 0 ? {} : { former: former.map(facetsOf) }),
    };
    terminal.stdout.write(`${JSON.stringify(facts, null, 2)}\n`);
    return;
  }
  const lines = [
    `subject      ${subject}`,
    `key          ${keyType}`,
    `valid        ${day(notBefore)} to ${day(notAfter)}`,
    `SHA-256      ${fingerprint}`,
    `certificate  ${shortPath(file, terminal.cwd)}`,
    ...above.map((name) => `below        ${name}`),
    ...(limits.length === 0 ? [] : [`only for     ${limits.join(', ')}`]),
    ...(next === null
      ? []
      : [`next         ${subjectOf(next.x509)}, from ${new Date(next.activeFrom).toISOString()}`]),
    ...former.map((x509) => `former       ${subjectOf(x509)}, until ${day(new Date(x509.validTo))}`),
  ];
  terminal.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

function facetsOf(x509: X509Certificate): { subject: string; fingerprint: string } {
  return { subject: subjectOf(x509), fingerprint: x509.fingerprint256 };
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
