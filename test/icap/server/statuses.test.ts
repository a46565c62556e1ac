// The status codes of test/vectors/icap/statuses.md, and the order in which they are chosen (S-13).

import { describe, expect, test } from '@jest/globals';
import { IcapError } from '../../../src/errors.ts';
import { fingerprint, readVectors } from '../../support/vectors.ts';
import type { Vector } from '../../support/vectors.ts';
import type { Handler, Lab } from './lab.ts';
import { startLab, UNMODIFIED } from './lab.ts';
import { byteByByte, closes, play, probe, whole } from './play.ts';

const vectors = await readVectors('icap/statuses.md');

const SCRIPTS: Record<string, Handler> = {
  'S-100': async (transaction) => {
    await transaction.body!.hold();
    return UNMODIFIED;
  },
  'S-200': () => UNMODIFIED,
  'S-204': () => UNMODIFIED,
  'S-206': ({ response }) => ({
    kind: 'adapted',
    response: { ...response!, headers: [...response!.headers, 'X-S', '1'] },
    body: null,
    keepOriginalFrom: 0,
    serverMade: false,
  }),
  'S-502': () => Promise.reject(new IcapError('ERR_ADAPT_UNAVAILABLE', 'nothing answers behind us')),
  'S-500': () => {
    throw new Error('the disk is full of secrets');
  },
};

function statusLab(vector: Vector): Promise<Lab> {
  const handle: Handler = (transaction) => SCRIPTS[vector.id]!(transaction);
  const description = { maxConnections: vector.id === 'S-503' ? 0 : null };
  return startLab(
    {
      '/url': { methods: ['REQMOD'], handle, description },
      '/av': { methods: ['RESPMOD'], requires: { RESPMOD: 'res-hdr' }, handle },
      '/st': { methods: ['RESPMOD'], handle },
    },
    { istag: 'G1', ...(vector.id === 'S-408' ? { limits: { requestTimeoutMs: 10 } } : {}) },
  );
}

describe.each(vectors)('$id $title', (vector) => {
  test(`${vector.id} has the bytes that its page claims`, () => {
    for (const { bytes, length, sha256 } of vector.frames)
      expect(fingerprint(bytes)).toEqual({ length, sha256 });
  });

  test.each([
    ['whole', whole],
    ['byte by byte', byteByByte],
  ])(`${vector.id} is answered, and the connection goes on or ends as it should: %s`, async (_, cut) => {
    await using lab = await statusLab(vector);
    await using client = await lab.connect();
    await play(vector, client, cut);
    if (vector.id === 'S-100') await client.deliver('0\r\n\r\n').then(() => client.answer());
    if (!closes(vector)) await probe(client, '/url');
    expect(client.raw.received().toString('latin1')).not.toContain('secrets');
  });
});

describe('order of checks (S-13)', () => {
  const GET = 'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n';
  const PARTS = `Encapsulated: req-hdr=0, null-body=45\r\n\r\n${GET}`;
  const BROKEN = 'Encapsulated: nonsense\r\n\r\n';

  test.each<[number, string, string, string]>([
    [400, 'the line before the version', 'FILEMOD /nope ICAP/9.9', BROKEN],
    [505, 'the version before the method', 'FILEMOD icap://h/nope ICAP/9.9', BROKEN],
    [501, 'the method before the path', 'FILEMOD icap://h/nope ICAP/1.0', BROKEN],
    [404, 'the path before the fields', 'REQMOD icap://h/nope ICAP/1.0', BROKEN],
    [404, 'the path before the method of the service', 'RESPMOD icap://h/nope ICAP/1.0', PARTS],
    [405, 'the method of the service before the fields', 'RESPMOD icap://h/full ICAP/1.0', BROKEN],
    [400, 'the fields before the composition', 'REQMOD icap://h/full ICAP/1.0', BROKEN],
    [
      418,
      'the composition before the capacity',
      'REQMOD icap://h/full ICAP/1.0',
      'Encapsulated: req-body=0\r\n\r\n0\r\n\r\n',
    ],
    [503, 'the capacity at last', 'REQMOD icap://h/full ICAP/1.0', PARTS],
  ])('S-%i looks at %s', async (status, _, line, rest) => {
    await using lab = await startLab({
      '/full': { methods: ['REQMOD'], requires: { REQMOD: 'req-hdr' }, description: { maxConnections: 0 } },
    });
    await using client = await lab.connect();
    await client.deliver(`${line}\r\nHost: h\r\n${rest}`);
    const answer = await client.answer();
    expect(answer.status).toBe(status);
    if (status === 405) expect(answer.fields).toContain('methods: REQMOD');
    const closing = answer.fields.includes('connection: close');
    expect(closing).toBe(status !== 418);
    if (closing) expect(await client.closed()).toHaveLength(0);
    else await probe(client, '/full');
  });

  test('S-13 S-14 OPTIONS is never 501 or 503', async () => {
    await using lab = await startLab({
      '/full': { methods: ['REQMOD'], description: { maxConnections: 0 } },
    });
    await using client = await lab.connect();
    await client.deliver('OPTIONS icap://h/full ICAP/1.0\r\nHost: h\r\n\r\n');
    expect(await client.answer()).toMatchObject({ status: 200 });
    await probe(client, '/full');
  });
});

test.each([
  ['ERR_SCAN_TIMEOUT', 500, true],
  ['ERR_ICAP_OVERLOADED', 503, false],
  ['ERR_ICAP_BAD_COMPOSITION', 418, true],
] as const)('S-500 a service that throws %s is answered %i (goes on: %s)', async (code, status, persists) => {
  await using lab = await startLab({
    '/s': { methods: ['REQMOD'], handle: () => Promise.reject(new IcapError(code, 'as scripted')) },
  });
  await using client = await lab.connect();
  const body = 'Encapsulated: req-body=0\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
  await client.deliver(`REQMOD icap://h/s ICAP/1.0\r\nHost: h\r\n${body}`);
  const answer = await client.answer();
  expect(answer.status).toBe(status);
  expect(answer.fields).toContain('encapsulated: null-body=0');
  if (persists) await probe(client, '/s');
  else expect(await client.closed()).toHaveLength(0);
  expect(lab.reports).toMatchObject([{ icapStatus: status, error: { code } }]);
});
