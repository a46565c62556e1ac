// A blade that changes a message, over a socket and in this process: header only, the start of the body,
// or all of it. The client that knows 206 keeps its body, every other gets the assembled message.

import { describe, expect, test } from '@jest/globals';
import { Cancellation } from '../../src/util/cancellation.ts';
import { Body, collectBody } from '../../src/http/body.ts';
import { HeldBody } from '../../src/http/held-body.ts';
import { InProcessService } from '../../src/icap/client/in-process.ts';
import type { IcapReport } from '../../src/icap/service.ts';
import { formatRequestHead } from '../../src/icap/codec/http-head.ts';
import { readIdentity } from '../../src/gateway/identity.ts';
import { ScanService } from '../../src/gateway/scan-service.ts';
import type { Blade, ModifyVerdict } from '../../src/plugin/api.ts';
import { modify } from '../../src/plugin/api.ts';
import { startLab } from '../icap/server/lab.ts';
import { probe } from '../icap/server/play.ts';

const ORIGINAL = 'twenty bytes of text';
const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n'; // 39 bytes

function scanService(verdict: ModifyVerdict, blade: Partial<Blade> = {}): ScanService {
  return new ScanService({
    path: '/s',
    methods: ['REQMOD', 'RESPMOD'],
    profile: { name: 'test', onError: 'block', blades: { stamp: { enabled: true, timeoutMs: 5000 } } },
    blades: [{ name: 'stamp', inspect: () => verdict, ...blade }],
    previewBytes: 1024,
    maxConnections: 10,
    optionsTtlSeconds: 60,
    identify: (transaction) => readIdentity(transaction.icapHeaders),
  });
}

const prefix = Buffer.from('ALERT: ');
const stamped = ['Content-Length', '20', 'X-Stamp', '1'];
const CASES: [string, ModifyVerdict, string, string, string | null][] = [
  // what, verdict → HTTP fields, body in the end, offset that a 206 keeps
  ['the header alone', modify({ headers: stamped }), 'Content-Length: 20\r\nX-Stamp: 1\r\n', ORIGINAL, '0'],
  ['a prefix', modify({ prefix }), 'Content-Length: 27\r\n', `ALERT: ${ORIGINAL}`, '0'],
  ['the first bytes', modify({ prefix, keepFrom: 7 }), 'Content-Length: 20\r\n', 'ALERT: bytes of text', '7'],
  ['a cut at the start', modify({ keepFrom: 7 }), 'Content-Length: 13\r\n', 'bytes of text', '7'],
  ['all of the body', modify({ body: Buffer.from('new') }), 'Content-Length: 3\r\n', 'new', null],
];

describe.each(CASES)('a blade changes %s', (_, verdict, fields, result, from) => {
  test.each([
    ['Allow: 204, 206\r\n', 206],
    ['Allow: 204\r\n', 200],
  ])('over a socket with %j', async (allow, status) => {
    const service = scanService(verdict);
    await using lab = await startLab({
      '/s': {
        methods: service.methods,
        handle: (transaction) => service.handle(transaction),
        description: service.describe(),
      },
    });
    await using client = await lab.connect();
    await client.deliver(
      `RESPMOD icap://h/s ICAP/1.0\r\nHost: h\r\n${allow}Encapsulated: res-hdr=0, res-body=39\r\n\r\n${HEAD}14\r\n${ORIGINAL}\r\n0\r\n\r\n`,
    );
    const answer = await client.answer();
    const partial = status === 206 && from !== null;
    expect(answer.status).toBe(partial ? 206 : 200);
    expect(answer.sections).toBe(`HTTP/1.1 200 OK\r\n${fields}\r\n`);
    expect(answer.extension).toBe(partial ? `use-original-body=${from}` : '');
    expect((answer.body ?? '') + (partial ? ORIGINAL.slice(Number(from)) : '')).toBe(result);
    await probe(client, '/s');
  });

  test('in this process', async () => {
    const service = scanService(verdict);
    const reports: IcapReport[] = [];
    const host = {
      istag: 'T',
      find: () => service,
      report: (report: IcapReport) => void reports.push(report),
    };
    const request = { method: 'GET', target: 'http://a.test/', version: '1.1', headers: ['Host', 'a.test'] };
    const adaptation = await new InProcessService('own', host, '/s', '').adapt({
      method: 'RESPMOD',
      request,
      requestText: formatRequestHead(request),
      response: { version: '1.1', status: 200, reason: 'OK', headers: ['Content-Length', '20'] },
      body: new HeldBody(Body.of(Buffer.from(ORIGINAL))),
      clientIp: null,
      serverIp: null,
      user: null,
      cancellation: new Cancellation(),
    });
    expect(adaptation.icapStatus).toBe(from === null ? 200 : 206);
    const { headers } = adaptation.response!;
    expect(headers.map((value, at) => (at % 2 === 0 ? `${value}: ` : `${value}\r\n`)).join('')).toBe(fields);
    expect((await collectBody(adaptation.body!, 100)).toString()).toBe(result);
    expect(reports).toMatchObject([{ icapStatus: adaptation.icapStatus, error: null }]);
  });
});

test('a prefix has no effect on a message without a body', async () => {
  const service = scanService(modify({ prefix }));
  await using lab = await startLab({
    '/s': { methods: service.methods, handle: (transaction) => service.handle(transaction) },
  });
  await using client = await lab.connect();
  await client.deliver(
    `RESPMOD icap://h/s ICAP/1.0\r\nHost: h\r\nAllow: 204, 206\r\nEncapsulated: res-hdr=0, null-body=39\r\n\r\n${HEAD}`,
  );
  expect(await client.answer()).toMatchObject({ status: 200, sections: HEAD, body: null });
});

describe('what the service says of itself', () => {
  test('C-62 offers 206 where a blade may change messages, and not where none inspects', () => {
    expect(scanService(modify({})).describe().partialContent).toBe(true);
    const idle = new ScanService({
      path: '/s',
      methods: ['RESPMOD'],
      profile: { name: 'none', onError: 'block', blades: {} },
      blades: [],
      previewBytes: 0,
      maxConnections: 1,
      optionsTtlSeconds: 1,
      identify: (transaction) => readIdentity(transaction.icapHeaders),
    });
    expect(idle.describe().partialContent).toBe(false);
  });

  test('C-110 S-15 has an ISTag that needs no quoting, and asks for the identity fields that it reads', () => {
    const { istag, include } = scanService(modify({})).describe();
    expect(istag).toMatch(/^[A-Za-z0-9.-]{1,30}$/);
    expect(include).toEqual(['X-Client-IP', 'X-Server-IP', 'X-Authenticated-User', 'X-Authenticated-Groups']);
  });

  test('C-113 S-16 keeps its ISTag until a fingerprint changes', () => {
    let rules = 'one';
    const service = scanService(modify({}), { fingerprint: () => rules });
    const before = service.describe().istag;
    expect(service.describe().istag).toBe(before);
    rules = 'two';
    expect(service.describe().istag).not.toBe(before);
    rules = 'one';
    expect(service.describe().istag).toBe(before);
  });

  test('S-14 describes itself although a blade cannot say its fingerprint', () => {
    const service = scanService(modify({}), {
      fingerprint: () => {
        throw new Error('no rules');
      },
    });
    expect(service.describe().istag).toMatch(/^weir-/);
  });
});
