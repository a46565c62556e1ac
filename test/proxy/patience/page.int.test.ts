// Browsers whose download takes long to scan, without scripts: the page, its reloads, and the answer in the
// end; tickets that are somebody else's, and what becomes of them at their end, a reload and a stop. The same
// for programs that ask for 202. With a real origin, a real Weir, and an ICAP server that answers on command.

import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { constants } from 'node:http2';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { formatStory } from '../../../src/trace/story.ts';
import type { CurlResult } from '../../support/curl.ts';
import { rawClient } from '../../support/rawClient.ts';
import { tempDir } from '../../support/tempDir.ts';
import { http2Through } from '../http2/origins.ts';
import { BROWSER, FILE, type Lab, startLab } from './lab.ts';

let lab: Lab;
let seen = 0; // scans before the test

beforeAll(async () => {
  lab = await startLab({}, { adaptation: { spool: { memory: 1000 } } }, { tls: true });
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  seen = lab.scans.length;
});

const flags = (fields: readonly string[]): string[] => fields.flatMap((field) => ['-H', field]);
const open = (url: string, fields: readonly string[] = []): Promise<CurlResult> =>
  lab.weir.curl(...flags([...BROWSER, ...fields]), url);

/** Address of the answer that the page leads to without scripts. */
function nextOf(page: CurlResult): string {
  const match = /<noscript><meta http-equiv="refresh" content="\d+; url=([^"]+)"/.exec(page.body.toString());
  return match![1]!.replaceAll('&amp;', '&');
}

function stateOf(page: CurlResult): string {
  return new URL(/data-state="([^"]+)"/.exec(page.body.toString())![1]!, lab.url('/')).href;
}

/** Origin requests for that path. */
const fetches = (path: string): number => lab.origin.requests.filter(({ url }) => url === path).length;

const records = (url: string) => lab.weir.logged((it) => it.kind === 'proxy' && it.url === url);

/** The scan is over for its transaction, which has been logged. */
const scanned = (url: string) => records(url).then((found) => found.at(-1)!);

describe('a browser that downloads', () => {
  test('gets a page with progress, on reload too, and the verified file in the end: one scan, one fetch', async () => {
    const url = lab.url('/tool.bin?version=2');
    const page = await open(url);
    const scan = await lab.scan(seen + 1);
    expect(page.status).toBe(200);
    expect(page.header('content-type')).toBe('text/html; charset=utf-8');
    expect(page.header('cache-control')).toBe('no-store');
    expect(page.header('content-security-policy')).toMatch(/^default-src 'none'; .*script-src 'self'/);
    expect(page.body.toString()).toContain('tool.bin');
    expect(page.body.toString()).toContain('19.5 KiB');

    const next = nextOf(page);
    expect(next).toMatch(/^https:\/\/www\.origin\.test:\d+\/tool\.bin\?version=2&weir-waiting=[\w-]{22}$/);
    for (const again of [url, next, next]) {
      const reloaded = await open(again);
      expect(reloaded.status).toBe(200);
      expect(nextOf(reloaded)).toBe(next);
    }
    expect(await lab.weir.curl(stateOf(page)).then(({ body }) => JSON.parse(body.toString()))).toMatchObject({
      ...{ state: 'inspecting', received: FILE.length, total: FILE.length },
      words: { received: '19.5 KiB' },
    });

    scan.clean();
    await scanned(url);
    expect(await lab.weir.curl(stateOf(page)).then(({ body }) => JSON.parse(body.toString()))).toEqual({
      state: 'done',
    });
    const file = await open(next);
    expect(file.status).toBe(200);
    expect(file.body.equals(FILE)).toBe(true);
    expect(file.header('content-disposition')).toBe('attachment; filename="tool.bin"');
    expect(file.header('content-length')).toBe(String(FILE.length));
    expect(file.header('x-own')).toBe('yes');
    expect(lab.scans.length).toBe(seen + 1);
    expect(fetches('/tool.bin?version=2')).toBe(1);
    expect(lab.origin.requests.filter((request) => request.url!.includes('weir'))).toHaveLength(0);

    const [first] = await records(url);
    expect(first).toMatchObject({ verdict: 'allowed', waited: 'page', status: 200 });
    const [fetched] = await records(next);
    expect(fetched).toMatchObject({ verdict: 'allowed', waitedFor: first!.id, bytesOut: FILE.length });
    expect(await lab.weir.curl('--head', ...flags(BROWSER), next)).toMatchObject({ status: 200 });
    expect((await open(next)).body.equals(FILE)).toBe(true); // until the ticket's time is over
  });

  test('finds the file at the address itself, once; asked for again it is fetched anew', async () => {
    const url = lab.url('/direct.bin');
    await open(url);
    (await lab.scan(seen + 1)).clean();
    await scanned(url);
    expect((await open(url)).body.equals(FILE)).toBe(true);
    const anew = open(url);
    (await lab.scan(seen + 2)).clean();
    await anew;
    expect(fetches('/direct.bin')).toBe(2);
  });

  test('does not keep a program, or a part of a page, from its own scan of the same address', async () => {
    const url = lab.url('/shared.bin');
    await open(url);
    await lab.scan(seen + 1);
    const program = lab.weir.curl(url);
    (await lab.scan(seen + 2)).clean();
    const part = lab.weir.curl(...flags([BROWSER[0]!, 'Sec-Fetch-Dest: image']), url);
    (await lab.scan(seen + 3)).clean();
    expect((await program).body.equals(FILE)).toBe(true);
    expect((await part).body.equals(FILE)).toBe(true);
    lab.scans[seen]!.clean();
  });

  test("gets the origin's own status", async () => {
    const page = await open(lab.url('/missing'));
    (await lab.scan(seen + 1)).clean();
    await scanned(lab.url('/missing'));
    const answer = await open(nextOf(page));
    expect([answer.status, answer.header('x-own'), answer.body.toString()]).toEqual([
      404,
      'yes',
      'nothing here',
    ]);
  });

  test('gets the block page when it is blocked', async () => {
    const url = lab.url('/bad.bin');
    const page = await open(url);
    (await lab.scan(seen + 1)).block();
    expect(await scanned(url)).toMatchObject({ verdict: 'blocked', waited: 'page', threat: { name: 'Bad' } });
    const next = nextOf(page);
    const blocked = await open(next);
    expect([blocked.status, blocked.body.toString()]).toEqual([403, 'blocked']);
    const [fetched] = await records(next);
    expect(fetched).toMatchObject({ verdict: 'blocked', threat: { name: 'Bad' }, status: 403 });
    expect((await open(url)).status).toBe(200); // the page again: nobody keeps what was blocked
    (await lab.scan(seen + 2)).block();
  });

  test('gets the error page when the scanner fails, with the incident of the scan', async () => {
    const url = lab.url('/fails.bin');
    const page = await open(url);
    (await lab.scan(seen + 1)).die();
    const failed = await scanned(url);
    expect(failed).toMatchObject({
      verdict: 'error',
      waited: 'page',
      error: { code: 'ERR_ADAPT_UNAVAILABLE' },
    });
    const answer = await open(nextOf(page));
    expect(answer.status).toBe(502);
    expect(answer.body.toString()).toContain(failed.id);
    expect(failed.incident).toBe(failed.id);
  });

  test('that closes its connection finds the scan going on', async () => {
    const url = lab.url('/back.bin');
    const page = await lab.weir.curl('--max-time', '5', ...flags([...BROWSER, 'Connection: close']), url);
    (await lab.scan(seen + 1)).clean();
    await scanned(url);
    expect((await open(nextOf(page))).body.equals(FILE)).toBe(true);
  });

  test('`weir why` tells that the client got a page, and when', async () => {
    const url = lab.url('/why.bin');
    await open(url);
    (await lab.scan(seen + 1)).clean();
    const { id } = await scanned(url);
    await open(url);
    const [fetched] = await lab.weir.logged((it) => it['waitedFor'] === id);
    const story = async (of: string): Promise<string> => {
      const trace = await lab.weir.weir.traces!.find(of);
      return formatStory(trace!, { heads: false, colours: false });
    };
    expect(await story(id)).toMatch(/^slow scan {4}after [\d.]+ ms the client got a page with progress/m);
    expect(await story(fetched!.id)).toContain(`fetched      the answer that ${id} has kept for it`);
  });
});

describe('a ticket', () => {
  test('is worth nothing to another client, and says no more than one that never was', async () => {
    const url = lab.url('/mine.bin');
    const page = await open(url);
    const scan = await lab.scan(seen + 1);
    const next = nextOf(page);
    const stranger = (target: string, fields: readonly string[]): Promise<CurlResult> =>
      lab.weir.curl('--interface', '127.0.0.2', ...flags(fields), target);
    const never = next.replace(/.{22}$/, 'AAAAAAAAAAAAAAAAAAAAAA');
    for (const target of [next, never]) {
      const refused = await stranger(target, ['Accept: */*']);
      expect([refused.status, refused.body.toString().includes('ERR_PATIENCE_TICKET')]).toEqual([404, true]);
      const redirected = await stranger(target, BROWSER);
      expect([redirected.status, redirected.header('location')]).toEqual([303, url]);
    }
    expect((await stranger(stateOf(page), [])).status).toBe(404);
    scan.clean();
    await scanned(url);
    expect((await stranger(next, ['Accept: */*'])).status).toBe(404);
    // Behind the same address, but logged in as somebody else: a scan of their own.
    const other = open(url, ['Cookie: session=other']);
    (await lab.scan(seen + 2)).clean();
    await other;
    expect(fetches('/mine.bin')).toBe(2);
  });

  test('holds for its address only', async () => {
    const page = await open(lab.url('/one.bin'));
    const scan = await lab.scan(seen + 1);
    const moved = nextOf(page).replace('/one.bin', '/two.bin');
    expect((await lab.weir.curl(moved)).status).toBe(404);
    scan.clean();
  });

  test.each(['/.well-known/weir/waiting', '/.well-known/weir/waiting/x/y', '/file?weir-waiting='])(
    'reserved addresses never reach the origin: %s',
    async (path) => {
      expect((await lab.weir.curl(lab.url(path))).status).toBe(404);
      expect(fetches(path)).toBe(0);
    },
  );

  test("addresses that only look like it are the origin's", async () => {
    for (const path of ['/.well-known/weir/waiting-list', '/a?weir-waiting=short', '/a?x=weir-waiting']) {
      const running = lab.weir.curl(lab.url(path));
      (await lab.scan(lab.scans.length + 1)).clean();
      expect((await running).status).toBe(200);
      expect(fetches(path)).toBe(1);
    }
  });

  test('the script of the page comes from the same origin, and is a script', async () => {
    const script = await lab.weir.curl(lab.url('/.well-known/weir/waiting.js'));
    expect([script.status, script.header('content-type')]).toEqual([200, 'text/javascript; charset=utf-8']);
    expect(script.header('x-content-type-options')).toBe('nosniff');
  });
});

describe('a program that prefers not to wait', () => {
  test('RFC 7240 gets 202 with where and when to ask again, then the file', async () => {
    const url = lab.url('/async.bin');
    const accepted = await lab.weir.curl('-H', 'Prefer: respond-async, wait=0', url);
    const scan = await lab.scan(seen + 1);
    expect(accepted.status).toBe(202);
    expect(accepted.header('preference-applied')).toBe('respond-async');
    expect(Number(accepted.header('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(accepted.header('cache-control')).toBe('no-store');
    const next = accepted.header('location')!;
    expect(accepted.body.toString()).toContain(next);
    const asked = await lab.weir.curl('-H', 'Accept: application/json', next);
    expect([asked.status, JSON.parse(asked.body.toString())]).toMatchObject([
      202,
      { state: 'inspecting', next },
    ]);
    scan.clean();
    expect(await scanned(url)).toMatchObject({ waited: 'accepted', status: 202, verdict: 'allowed' });
    const file = await lab.weir.curl(next);
    expect(file.status).toBe(200);
    expect(file.body.equals(FILE)).toBe(true);
    expect(fetches('/async.bin')).toBe(1);
  });
});

test('over HTTP/2 a trickle goes on with the verdict, or its stream is reset', async () => {
  const session = await http2Through(lab.weir, Number(new URL(lab.url('/')).port));
  const ask = (path: string) => {
    const stream = session.request({ ':path': path, 'user-agent': 'curl/8' });
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => {});
    const closed = new Promise((resolve) => stream.once('close', resolve));
    const ended = async () => (await closed, { code: stream.rstCode, body: Buffer.concat(chunks) });
    return { begun: once(stream, 'data'), ended };
  };
  const [whole, cut] = [ask('/stream.bin'), ask('/reset.bin')];
  await lab.scan(seen + 2);
  await Promise.all([whole.begun, cut.begun]);
  for (const scan of lab.scans.slice(seen)) {
    if (scan.request.includes('/stream.bin')) scan.clean();
    else scan.block();
  }
  expect(await whole.ended()).toEqual({ code: constants.NGHTTP2_NO_ERROR, body: FILE });
  const rest = await cut.ended();
  expect([rest.code, rest.body.length < FILE.length]).toEqual([constants.NGHTTP2_INTERNAL_ERROR, true]);
  const [blocked] = await records(lab.url('/reset.bin'));
  expect(blocked).toMatchObject({ verdict: 'blocked', waited: 'trickle' });
  session.close();
});

describe('bounds', () => {
  test('with no room a browser waits or is trickled to', async () => {
    await using full = await startLab({ files: 1 });
    const ask = (path: string): Promise<CurlResult> =>
      full.weir.curl(...BROWSER.flatMap((field) => ['-H', field]), full.url(path));
    expect((await ask('/first.bin')).body.toString()).toContain('weir-waiting=');
    const second = ask('/page.html');
    (await full.scan(2)).clean();
    expect((await second).body.toString()).toContain('Verified');
    (await full.scan(1)).clean();
  });

  test('a ticket that nobody asks for ends: its scan is given up, its file is removed', async () => {
    await using temporary = await tempDir();
    const folder = temporary.path;
    await using brief = await startLab({ ticket: '1s' }, { adaptation: { spool: { memory: 0, folder } } });
    const ask = (path: string): Promise<CurlResult> =>
      brief.weir.curl(...BROWSER.flatMap((field) => ['-H', field]), brief.url(path));
    await Promise.all([ask('/kept.bin'), ask('/given-up.bin')]);
    await brief.scan(2);
    const kept = brief.scans.find(({ request }) => request.includes('/kept.bin'))!;
    kept.clean();
    const [verified] = await brief.weir.logged((it) => it.url === brief.url('/kept.bin'));
    expect(verified).toMatchObject({ verdict: 'allowed' });
    const files = (): number =>
      readdirSync(folder).flatMap((name) => (name.startsWith('weir') ? readdirSync(`${folder}/${name}`) : []))
        .length;
    expect(files()).toBeGreaterThan(0);
    const [ended] = await brief.weir.logged((it) => it.url === brief.url('/given-up.bin'));
    expect(ended).toMatchObject({ verdict: 'error', waited: 'page', error: { code: 'ERR_ABORTED' } });
    const giveUpAt = Date.now() + 3000;
    while (files() > 0 && Date.now() < giveUpAt) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(files()).toBe(0);
  });
});

describe('while everything goes on', () => {
  test('a reload leaves tickets as they are, also one that turns pages off', async () => {
    await using changing = await startLab();
    const ask = (url: string): Promise<CurlResult> =>
      changing.weir.curl(...BROWSER.flatMap((field) => ['-H', field]), url);
    const page = await ask(changing.url('/reload.bin'));
    const next = nextOf(page);
    await changing.weir.reload(changing.settings({ browser: 'wait', program: 'wait' }));
    expect(nextOf(await ask(next))).toBe(next);
    (await changing.scan(1)).clean();
    await changing.weir.logged((it) => it.url === changing.url('/reload.bin'));
    expect((await ask(next)).body.equals(FILE)).toBe(true);
    const waits = ask(changing.url('/page.html'));
    (await changing.scan(2)).clean();
    expect((await waits).body.toString()).toContain('Verified');
  });

  test('a stop gives up what nobody could fetch any more, and logs it', async () => {
    await using stopping = await startLab();
    const url = stopping.url('/stop.bin');
    await stopping.weir.curl(...BROWSER.flatMap((field) => ['-H', field]), url);
    await stopping.scan(1);
    await stopping.weir.stop(5000);
    const found = stopping.weir.log().filter((it) => it.url === url);
    expect(found).toMatchObject([{ verdict: 'error', waited: 'page', error: { code: 'ERR_ABORTED' } }]);
  });

  test('a client that leaves before its page has come ends the scan', async () => {
    await using patient = await startLab({ after: '10s' });
    const client = await rawClient(patient.weir.proxyPort);
    const url = patient.url('/left.bin');
    client.send(`GET ${url} HTTP/1.1\r\nHost: x\r\n${BROWSER.join('\r\n')}\r\n\r\n`);
    await patient.scan(1);
    await client[Symbol.asyncDispose]();
    const [left] = await patient.weir.logged((it) => it.url === url);
    expect(left).toMatchObject({ error: { code: 'ERR_ABORTED' } });
  });
});
