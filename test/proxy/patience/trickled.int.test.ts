// Programs whose download takes long to scan: what they get until the verdict, and after it. With a real
// origin, a real Weir, curl, and an ICAP server that answers on command.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type RawClient, rawClient } from '../../support/rawClient.ts';
import { BROWSER, FILE, type Lab, startLab, TAIL } from './lab.ts';

let lab: Lab;
let seen = 0; // scans before the test

beforeAll(async () => {
  lab = await startLab();
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  seen = lab.scans.length;
});

async function get(path: string, fields: readonly string[] = [], method = 'GET'): Promise<RawClient> {
  const client = await rawClient(lab.weir.proxyPort);
  const lines = [`${method} ${lab.url(path)} HTTP/1.1`, 'Host: x', ...fields];
  client.send(`${lines.join('\r\n')}\r\n\r\n`);
  return client;
}

function bodyIn(received: Buffer): Buffer {
  const end = received.indexOf('\r\n\r\n');
  return end < 0 ? Buffer.alloc(0) : received.subarray(end + 4);
}

const record = async (path: string) =>
  (await lab.weir.logged((it) => it.kind === 'proxy' && it.url === lab.url(path))).at(-1)!;

/** Some bytes have come, and the scan waits. */
async function trickled(client: RawClient) {
  const scan = await lab.scan(seen + 1);
  const bytes = await client.until((received) => bodyIn(received).length > 500);
  expect(bodyIn(bytes).length).toBeLessThanOrEqual(FILE.length - TAIL);
  return scan;
}

describe('a program that downloads', () => {
  test('gets the head and the first bytes before the verdict, and the rest with it', async () => {
    await using client = await get('/clean.bin', ['Connection: close']);
    const scan = await trickled(client);
    expect(client.received().toString('latin1')).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*filename="tool\.bin"/);
    scan.clean();
    expect(bodyIn(await client.closed()).equals(FILE)).toBe(true);
    expect(await record('/clean.bin')).toMatchObject({
      ...{ verdict: 'allowed', waited: 'trickle', status: 200, bytesOut: FILE.length },
      coverage: { state: 'clean' },
    });
    expect(lab.scans.length).toBe(seen + 1);
  });

  test('over a body of unknown length gets chunks', async () => {
    await using client = await get('/chunked.bin', ['Connection: close']);
    const scan = await lab.scan(seen + 1);
    await client.until((received) => bodyIn(received).length > 500);
    expect(client.received().toString('latin1')).toContain('Transfer-Encoding: chunked');
    expect(client.received().toString('latin1')).not.toContain('\r\n0\r\n\r\n');
    scan.clean();
    const whole = await client.closed();
    expect(whole.subarray(-7).toString()).toBe('\r\n0\r\n\r\n');
  });

  test('that is blocked is cut off, and cannot take what it has for the whole', async () => {
    await using client = await get('/blocked.bin');
    const scan = await trickled(client);
    scan.block();
    const received = bodyIn(await client.closed());
    expect(received.length).toBeLessThanOrEqual(FILE.length - TAIL);
    expect(received.equals(FILE.subarray(0, received.length))).toBe(true);
    expect(await record('/blocked.bin')).toMatchObject({
      ...{ verdict: 'blocked', waited: 'trickle', threat: { name: 'Bad' }, coverage: { state: 'blocked' } },
    });
  });

  test('curl calls a blocked download incomplete, with and without a length', async () => {
    const running = ['/curl.bin', '/chunked.bin'].map((path) => lab.weir.curl(lab.url(path)));
    await lab.scan(seen + 2);
    await new Promise((resolve) => setTimeout(resolve, 300)); // a sweep of the clock
    for (const scan of lab.scans.slice(seen)) scan.block();
    for (const result of await Promise.all(running)) {
      expect([18, 56]).toContain(result.exitCode); // a part of the file, or a reset
      expect(result.status).toBe(200);
      expect(result.body.length).toBeLessThan(FILE.length);
    }
  });

  test('is cut off when the scanner dies', async () => {
    await using client = await get('/dies.bin');
    const scan = await trickled(client);
    scan.die();
    expect(bodyIn(await client.closed()).length).toBeLessThan(FILE.length);
    expect(await record('/dies.bin')).toMatchObject({
      ...{ verdict: 'error', waited: 'trickle', error: { code: 'ERR_ADAPT_UNAVAILABLE' }, incident: null },
    });
  });

  test('gets a changed message where it begins as what was sent', async () => {
    await using client = await get('/same-start.bin', ['Connection: close']);
    const scan = await trickled(client);
    const changed = Buffer.concat([FILE.subarray(0, FILE.length - 10), Buffer.alloc(10, 'x')]);
    scan.modify(changed);
    expect(bodyIn(await client.closed()).equals(changed)).toBe(true);
    expect(await record('/same-start.bin')).toMatchObject({ verdict: 'modified', waited: 'trickle' });
  });

  test.each([
    ['begins otherwise', '/other-start.bin', Buffer.concat([Buffer.from('!'), FILE.subarray(1)]), undefined],
    ['has another head', '/other-head.bin', FILE, 'X-Own: no\r\n'],
  ])('is cut off when the changed message %s', async (_, path, changed, fields) => {
    await using client = await get(path);
    const scan = await trickled(client);
    scan.modify(changed, fields);
    const received = bodyIn(await client.closed());
    expect(received.length).toBeLessThanOrEqual(FILE.length - TAIL);
    expect(await record(path)).toMatchObject({
      ...{ verdict: 'error', waited: 'trickle', error: { code: 'ERR_PATIENCE_MODIFIED' } },
    });
  });

  test('that leaves ends its scan', async () => {
    const client = await get('/leaves.bin');
    await trickled(client);
    await client[Symbol.asyncDispose]();
    expect(await record('/leaves.bin')).toMatchObject({ error: { code: 'ERR_ABORTED' }, waited: 'trickle' });
  });
});

describe('nothing goes ahead', () => {
  test('of what may act on its first bytes: a page, a script under whatever type, a part, a frame', async () => {
    const asked = [
      ['/page.html', []],
      ['/script', []],
      ['/range.bin', ['Range: bytes=0-10']],
      ['/page.html?frame', [...BROWSER.slice(0, 2), 'Sec-Fetch-Dest: iframe']],
    ] as const;
    const clients: RawClient[] = [];
    for (const [path, fields] of asked) clients.push(await get(path, [...fields, 'Connection: close']));
    const last = await lab.scan(seen + asked.length);
    await new Promise((resolve) => setTimeout(resolve, 600)); // two sweeps of the clock
    expect(clients.map((client) => client.received().length)).toEqual(asked.map(() => 0));
    expect(last).toBe(lab.scans.at(-1));
    for (const scan of lab.scans.slice(seen)) scan.clean();
    for (const [index, client] of clients.entries()) {
      expect((await client.closed()).toString('latin1')).toMatch(/^HTTP\/1\.1 20[06] /);
      expect((await record(asked[index]![0]))['waited']).toBeUndefined();
    }
  });

  test('and no timer runs where the verdict is there in time', async () => {
    await using slow = await startLab({ after: '10s' });
    const running = slow.weir.curl(slow.url('/quick.bin'));
    (await slow.scan(1)).clean();
    expect((await running).body.equals(FILE)).toBe(true);
    const [quick] = await slow.weir.logged((it) => it.kind === 'proxy');
    expect(quick!['waited']).toBeUndefined();
  });
});

test('a browser loading a file for a page gets a trickle, never a page', async () => {
  await using client = await get('/part.bin', [BROWSER[0]!, 'Sec-Fetch-Dest: image', 'Connection: close']);
  const scan = await trickled(client);
  scan.clean();
  expect(bodyIn(await client.closed()).equals(FILE)).toBe(true);
});

test('POST is trickled to, since it cannot be asked again', async () => {
  await using client = await get('/post.bin', [...BROWSER, 'Content-Length: 0', 'Connection: close'], 'POST');
  const scan = await trickled(client);
  scan.clean();
  expect(bodyIn(await client.closed()).equals(FILE)).toBe(true);
});

test('a scanner that says nothing ends a trickle at its time limit, and a wait with an error page', async () => {
  await using mute = await startLab({}, { service: { timeout: '700ms' } });
  const [trickle, page] = await Promise.all([
    mute.weir.curl(mute.url('/mute.bin')),
    mute.weir.curl(mute.url('/page.html')),
  ]);
  expect(trickle.exitCode).not.toBe(0);
  expect(trickle.body.length).toBeLessThan(FILE.length);
  expect(page.status).toBe(504);
});
