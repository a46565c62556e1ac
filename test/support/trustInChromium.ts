// Lets a Chromium of a test trust the certificates that a Weir of the test makes.

import { execFile } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { findCommand } from './peers/find.mjs';
import type { TempDir } from './tempDir.ts';
import type { TestWeir } from './weir.ts';

const run = promisify(execFile);

/**
 * Makes a Chromium with this home trust the Weir CA: as a user would, in the NSS store, or where certutil is
 * missing by the hash of the CA's key.
 * @returns arguments for the browser
 */
export async function trustInChromium(weir: TestWeir, home: TempDir): Promise<string[]> {
  const certutil = findCommand('certutil');
  if (certutil === null) {
    const key = new X509Certificate(weir.ca).publicKey.export({ type: 'spki', format: 'der' });
    return [`--ignore-certificate-errors-spki-list=${createHash('sha256').update(key).digest('base64')}`];
  }
  const store = home.join('.pki/nssdb');
  await mkdir(store, { recursive: true });
  await run(certutil, ['-d', `sql:${store}`, '-N', '--empty-password']);
  await run(certutil, ['-d', `sql:${store}`, '-A', '-t', 'C,,', '-n', 'Weir', '-i', weir.caPath]);
  return [];
}
