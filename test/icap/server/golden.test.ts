// The golden exchanges of test/vectors/icap/golden.md against a listening server: every request whole,
// cut in two at every byte, and one byte at a time, all on one connection where the exchange keeps it.

import { describe, expect, test } from '@jest/globals';
import { Body } from '../../../src/http/body.ts';
import type { Adapted, IcapTransaction } from '../../../src/icap/service.ts';
import type { Vector } from '../../support/vectors.ts';
import { fingerprint, readVectors } from '../../support/vectors.ts';
import type { Handler, Lab } from './lab.ts';
import { startLab, UNMODIFIED } from './lab.ts';
import { byteByByte, closes, play, probe, whole } from './play.ts';

const vectors = await readVectors('icap/golden.md');

const BLOCK_PAGE = '<html><body>Blocked by policy</body></html>';

function blocked(headers: string[]): Adapted {
  const fields = ['Content-Type', 'text/html', 'Cache-Control', 'no-store', 'Content-Length', '43'];
  fields.push('Via', 'ICAP/1.0 icap.test (gold)');
  const response = { version: '1.1', status: 403, reason: 'Forbidden', headers: fields };
  return { kind: 'adapted', response, body: Body.of(Buffer.from(BLOCK_PAGE)), serverMade: true, headers };
}

async function held(transaction: IcapTransaction): Promise<string> {
  const content = await transaction.body!.hold();
  return content.memory!.toString('latin1');
}

/** What the services do in each exchange. */
const SCRIPTS: Record<string, Handler> = {
  'X-03': (transaction) => {
    expect(transaction.args).toBe('mode=gold');
    return UNMODIFIED;
  },
  'X-04': ({ request }) => {
    const headers = [...request!.headers, 'X-Gold-Policy', 'strict'];
    return { kind: 'adapted', request: { ...request!, headers }, body: null, serverMade: false };
  },
  'X-05': async (transaction) => {
    expect(await held(transaction)).toBe('user=alice&note=hello+world+42');
    return UNMODIFIED;
  },
  'X-06': () => UNMODIFIED,
  'X-07': async (transaction) => {
    expect(await held(transaction)).toBe('twenty bytes of text');
    return UNMODIFIED;
  },
  'X-08': async (transaction) => {
    expect(await held(transaction)).toBe('twenty bytes of text');
    return UNMODIFIED;
  },
  'X-09': async (transaction) => {
    expect(await held(transaction)).toBe('fake-malware-sample');
    return blocked([
      'X-Infection-Found',
      'Type=0; Resolution=2; Threat=Gold Test Malware;',
      'X-Virus-ID',
      'Gold Test Malware',
      'X-Violations-Found',
      '1\ninvoice.exe\nGold Test Malware\n0\n2',
      'X-Response-Info',
      'Blocked',
    ]);
  },
  'X-10': async (transaction) => {
    const body = Buffer.from(`${(await held(transaction)).toUpperCase()}!`, 'latin1');
    const headers = ['Content-Length', String(body.length)];
    const response = { ...transaction.response!, headers };
    return { kind: 'adapted', response, body: Body.of(body), serverMade: false };
  },
  'X-11': ({ response }) => {
    const headers = [...response!.headers, 'X-Scanned-By', 'gold'];
    return {
      kind: 'adapted',
      response: { ...response!, headers },
      body: null,
      keepOriginalFrom: 0,
      serverMade: false,
    };
  },
  'X-12': ({ response }) => ({
    kind: 'adapted',
    response: response!,
    body: Body.of(Buffer.from('ALERT: ')),
    keepOriginalFrom: 7,
    serverMade: false,
  }),
  'X-13': () => {
    const headers = ['Content-Type', 'text/plain', 'Content-Length', '6'];
    const response = { version: '1.1', status: 403, reason: 'Forbidden', headers };
    return { kind: 'adapted', response, body: Body.of(Buffer.from('denied')), serverMade: true };
  },
  'X-14': (transaction) => {
    expect(transaction.body).toBeNull();
    return UNMODIFIED;
  },
  'X-15': () => UNMODIFIED,
  'X-16': async (transaction) => {
    const body = Body.of(Buffer.from((await held(transaction)).toUpperCase()));
    const trailer = { names: ['X-Response-Info'], fields: () => ['X-Response-Info', 'Modified'] };
    return { kind: 'adapted', response: transaction.response!, body, serverMade: false, trailer };
  },
  'X-19': () => blocked(['X-Virus-ID', 'Gold Test Malware']),
};

function goldenLab(vector: Vector, strict: boolean): Promise<Lab> {
  const handle: Handler = (transaction) => SCRIPTS[vector.id]!(transaction);
  return startLab(
    {
      '/url': { methods: ['REQMOD'], handle, description: { istag: 'GOLD-REQ-1' } },
      '/sandblast': {
        methods: ['RESPMOD'],
        handle,
        description: {
          istag: 'GOLD-AV-1',
          maxConnections: 30,
          service: 'Gold AV 1.0',
          serviceId: 'goldav',
          transferPreview: '*',
          transferIgnore: 'css, woff2',
          transferComplete: 'exe, zip',
          include: ['X-Client-IP', 'X-Server-IP', 'X-Authenticated-User'],
        },
      },
      '/stamp': {
        methods: ['RESPMOD'],
        handle,
        description: { istag: 'GOLD-ST-1', optionsTtlSeconds: 600, partialContent: true, trailers: true },
      },
    },
    {
      istag: 'GOLD-SRV-1',
      strict,
      via: 'ICAP/1.0 icap.test (gold)',
      now: () => new Date('2026-01-05T12:00:00Z'),
    },
  );
}

test('the page holds X-01 to X-19', () => {
  const ids = Array.from({ length: 19 }, (_, index) => `X-${String(index + 1).padStart(2, '0')}`);
  expect(vectors.map(({ id }) => id)).toEqual(ids);
});

describe.each(vectors)('$id $title', (vector) => {
  test(`${vector.id} has the bytes that its page claims`, () => {
    expect(vector.frames.length).toBeGreaterThan(1);
    for (const { bytes, length, sha256 } of vector.frames)
      expect(fingerprint(bytes)).toEqual({ length, sha256 });
  });

  expect(vector.awaits).toBeNull();

  test.each([
    ['leniently', false],
    ['strictly', true],
  ])(`${vector.id} is answered when the requests arrive whole, read %s`, async (_, strict) => {
    await using lab = await goldenLab(vector, strict);
    await using client = await lab.connect();
    await play(vector, client, whole);
    if (!closes(vector)) await probe(client, '/url');
  });

  test(`${vector.id} is answered alike when the requests arrive byte by byte`, async () => {
    await using lab = await goldenLab(vector, false);
    await using client = await lab.connect();
    await play(vector, client, byteByByte);
    if (!closes(vector)) await probe(client, '/url');
  });

  test(`${vector.id} is answered alike wherever a request is cut in two`, async () => {
    await using lab = await goldenLab(vector, false);
    let client = await lab.connect();
    for (const target of vector.frames) {
      if (target.side === 'S') continue;
      for (let at = 1; at < target.bytes.length; at++) {
        await play(vector, client, (frame) =>
          frame === target ? [frame.bytes.subarray(0, at), frame.bytes.subarray(at)] : [frame.bytes],
        );
        if (!closes(vector)) continue;
        await client[Symbol.asyncDispose]();
        client = await lab.connect();
      }
    }
    if (!closes(vector)) await probe(client, '/url');
    await client[Symbol.asyncDispose]();
  });
});
