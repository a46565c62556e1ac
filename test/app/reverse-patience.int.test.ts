// Downloads that take long to scan, in front of an application: behind proxy.reverse, and in a program's own
// server. With a real application and an ICAP server that answers on command.

import http from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { icapMiddleware } from '../../src/embed/middleware.ts';
import { listening, type Front } from '../embed/fronts.ts';
import { FILE, FILE_FIELDS, startLab, TAIL, type Lab } from '../proxy/patience/lab.ts';
import { rawClient, type RawClient } from '../support/rawClient.ts';

interface Served {
  readonly port: number;
  /** The record of the last request for a path. */
  record(path: string): Promise<Record<string, unknown>>;
}

let lab: Lab;
let program: Front;
const records: Record<string, unknown>[] = [];
const fronts: Record<string, Served> = {};
let seen = 0; // scans before the test

beforeAll(async () => {
  lab = await startLab();
  const reverse = [{ listen: '127.0.0.1:0', target: lab.origin.url }];
  await lab.weir.reload({ ...lab.settings(), proxy: { reverse } });
  const ends = (path: string) => (record: Record<string, unknown>) => String(record['url']).endsWith(path);
  fronts['proxy.reverse'] = {
    port: Number(lab.weir.weir.reverseAddresses[0]!.split(':').at(-1)),
    record: async (path) => (await lab.weir.logged((it) => it.kind === 'proxy' && ends(path)(it))).at(-1)!,
  };
  const services = (lab.settings().adaptation!['services'] as { scan: { url: string } }).scan;
  let told = (): void => {};
  const middleware = icapMiddleware({
    respmod: services.url,
    trickle: { afterMs: 20, rateBytes: 8192, tailBytes: TAIL },
    onRecord: (record) => {
      records.push({ ...record });
      told();
    },
  });
  const handle = (_req: http.IncomingMessage, res: http.ServerResponse): void => {
    res.writeHead(200, { ...FILE_FIELDS, 'Content-Length': FILE.length }).end(FILE);
  };
  program = await listening(
    http.createServer((req, res) => middleware(req, res, () => handle(req, res))),
    () => middleware.close(),
  );
  fronts['icapMiddleware'] = {
    port: program.port,
    record: async (path) => {
      while (!records.some(ends(path))) await new Promise<void>((resolve) => (told = resolve));
      return records.findLast(ends(path))!;
    },
  };
});
afterAll(async () => {
  await program?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  seen = lab.scans.length;
});

async function get(port: number, path: string, version = '1.1'): Promise<RawClient> {
  const client = await rawClient(port);
  client.send(`GET ${path} HTTP/${version}\r\nHost: x\r\nConnection: close\r\n\r\n`);
  return client;
}

function bodyIn(received: Buffer): Buffer {
  const end = received.indexOf('\r\n\r\n');
  return end < 0 ? Buffer.alloc(0) : received.subarray(end + 4);
}

/** Some bytes have come, and the scan waits. */
async function trickled(client: RawClient) {
  const scan = await lab.scan(seen + 1);
  const bytes = await client.until((received) => bodyIn(received).length > 500);
  expect(bodyIn(bytes).length).toBeLessThanOrEqual(FILE.length - TAIL);
  return scan;
}

describe.each(['proxy.reverse', 'icapMiddleware'])('a download through %s', (name) => {
  test('gets its first bytes before the verdict, and the rest with it', async () => {
    const { port, record } = fronts[name]!;
    await using client = await get(port, '/clean.bin');
    (await trickled(client)).clean();
    const whole = await client.closed();
    expect(whole.toString('latin1')).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*filename="tool\.bin"/);
    expect(bodyIn(whole).equals(FILE)).toBe(true);
    expect(await record('/clean.bin')).toMatchObject({
      ...{ verdict: 'allowed', waited: 'trickle', status: 200, bytesOut: FILE.length },
      coverage: { state: 'clean' },
    });
  });

  test('that is blocked, or whose scan fails, is cut off before its end', async () => {
    const { port, record } = fronts[name]!;
    for (const [path, end] of [
      ['/blocked.bin', 'block'],
      ['/failed.bin', 'die'],
    ] as const) {
      seen = lab.scans.length;
      await using client = await get(port, path);
      (await trickled(client))[end]();
      const received = bodyIn(await client.closed());
      expect(received.length).toBeLessThanOrEqual(FILE.length - TAIL);
      expect(received.equals(FILE.subarray(0, received.length))).toBe(true);
    }
    const blocked = await record('/blocked.bin');
    expect(blocked).toMatchObject({ verdict: 'blocked', waited: 'trickle', threat: { name: 'Bad' } });
    expect(blocked['error']).toBeUndefined();
    expect(await record('/failed.bin')).toMatchObject({ verdict: 'error', waited: 'trickle' });
  });

  test('that a service changes behind what has gone is cut off', async () => {
    const { port, record } = fronts[name]!;
    await using client = await get(port, '/changed.bin');
    (await trickled(client)).modify(Buffer.alloc(FILE.length, 'x'));
    await client.closed();
    expect(await record('/changed.bin')).toMatchObject({ error: { code: 'ERR_PATIENCE_MODIFIED' } });
  });

  test('that its client leaves ends the scan', async () => {
    const { port, record } = fronts[name]!;
    {
      await using client = await get(port, '/left.bin');
      await trickled(client);
    }
    expect(await record('/left.bin')).toMatchObject({ error: { code: 'ERR_ABORTED' }, verdict: 'error' });
  });

  test('by HTTP/1.0 waits: such a client would take a cut for the end', async () => {
    const { port } = fronts[name]!;
    await using client = await get(port, '/old.bin', '1.0');
    const scan = await lab.scan(seen + 1);
    await new Promise((resolve) => setTimeout(resolve, 300)); // more than a sweep of the clock
    expect(client.received()).toHaveLength(0);
    scan.clean();
    expect(bodyIn(await client.closed()).equals(FILE)).toBe(true);
  });
});

test('pages and text wait, and a block is a page then', async () => {
  await using client = await get(fronts['proxy.reverse']!.port, '/page.html');
  const scan = await lab.scan(seen + 1);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(client.received()).toHaveLength(0);
  scan.block();
  expect((await client.closed()).toString()).toMatch(/^HTTP\/1\.1 403 /);
});
