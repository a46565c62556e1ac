// What strangers send as DER: nothing of it may throw, hang, or be believed once a byte of it has changed.

import { X509Certificate } from 'node:crypto';
import { beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { dotted, DerReader, timeOf } from '../../../src/ca/der-reader.ts';
import { RevocationList } from '../../../src/proxy/origin/verification-crl.ts';
import { stapledStatus } from '../../../src/proxy/origin/verification-ocsp.ts';
import type { Certificate } from './pki.ts';
import { derOf, makeCertificate, ocspResponse, revocationList } from './pki.ts';

let leaf: X509Certificate;
let root: X509Certificate;
let response: Buffer;
let list: Buffer;

beforeAll(async () => {
  const ca: Certificate = makeCertificate({ subject: 'Root', ca: true });
  const bad = makeCertificate({ subject: 'bad', issuer: ca });
  [leaf, root] = [new X509Certificate(bad.cert), new X509Certificate(ca.cert)];
  response = await ocspResponse(bad, ca, { revoked: true });
  list = derOf(await revocationList(ca, [bad]));
});

const change = fc.record({ at: fc.nat(), bits: fc.integer({ min: 1, max: 255 }) });
const changed = (bytes: Buffer, { at, bits }: { at: number; bits: number }): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at % copy.length]! ^= bits;
  return copy;
};

test('random bytes are read as DER to a RangeError at most', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        for (const element of new DerReader(Buffer.from(bytes)).rest()) {
          dotted(element.content);
          timeOf(element);
        }
      } catch (error) {
        expect((error as Error).name).toBe('RangeError');
      }
    }),
    { numRuns: 500 },
  );
});

test('an OCSP response that was changed says nothing else than before, and mostly nothing', async () => {
  expect(await stapledStatus(response, leaf, root)).toBe('revoked');
  await fc.assert(
    fc.asyncProperty(change, async (where) => {
      expect([null, 'revoked']).toContain(await stapledStatus(changed(response, where), leaf, root));
    }),
    { numRuns: 200 },
  );
  for (let end = 0; end < response.length; end += 7) {
    expect(await stapledStatus(response.subarray(0, end), leaf, root)).toBeNull();
  }
});

test('a revocation list that was changed does not count', async () => {
  expect(await (await RevocationList.read(list))!.revokes(leaf, root)).toBe(true);
  await fc.assert(
    fc.asyncProperty(change, async (where) => {
      const read = await RevocationList.read(changed(list, where));
      expect([null, true]).toContain(read === null ? null : await read.revokes(leaf, root));
    }),
    { numRuns: 200 },
  );
});
