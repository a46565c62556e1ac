// Rules, groups and their outcome through a whole proxy: real origins, c-icap, our own gateway, and scripted
// ICAP servers for what no real one does.

import { describe, expect, test } from '@jest/globals';
import type { ScriptedIcap } from '../../icap/client/scripted-icap.ts';
import { NO_CONTENT, PAGE, scriptedIcap } from '../../icap/client/scripted-icap.ts';
import { zipOf } from '../../support/eicar.ts';
import { originServer, rawOrigin } from '../../support/originServer.ts';
import { startCIcap } from '../../support/peers/c-icap.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { rawClient } from '../../support/rawClient.ts';
import { startTestWeir, type LogRecord, type TestWeir } from '../../support/weir.ts';

const url = ({ port }: { port: number }, path = 'scan'): string => `icap://127.0.0.1:${port}/${path}`;
const icap = (answer: string): Promise<ScriptedIcap> => scriptedIcap((peer) => peer.send(answer));

/** A 200 whose encapsulated request has no body. */
function rewritten(head: string): string {
  return `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: req-hdr=0, null-body=${head.length}\r\n\r\n${head}`;
}

async function recordOf(weir: TestWeir, path: string): Promise<LogRecord> {
  const [record] = await weir.logged(({ kind, url: seen }) => kind === 'proxy' && seen.endsWith(path));
  return record!;
}

describe('REQMOD', () => {
  test('K-50 a response ends it: no other service, no origin, no RESPMOD', async () => {
    await using origin = await originServer((_, response) => void response.end('content'));
    await using answers = await icap(PAGE);
    await using never = await icap(NO_CONTENT);
    const rules = [
      { point: 'reqmod', use: ['answers', 'never'] },
      { point: 'respmod', use: ['never'] },
    ];
    const services = { answers: { url: url(answers) }, never: { url: url(never) } };
    await using weir = await startTestWeir({ adaptation: { services, rules } });
    const { status, body } = await weir.curl(`${origin.url}/satisfied`);
    expect([status, body.toString()]).toEqual([403, 'blocked']);
    expect(origin.requests).toHaveLength(0);
    expect(never.connections()).toBe(0);
    const record = await recordOf(weir, '/satisfied');
    expect(record).toMatchObject({ verdict: 'blocked', coverage: { state: 'blocked', reason: null } });
  });

  describe('K-51 another URL', () => {
    /** A proxy whose REQMOD service sends everything to `target`. */
    async function moving(target: string, more: object = {}) {
      const mover = await icap(rewritten(`GET ${target} HTTP/1.1\r\nHost: first.test\r\n\r\n`));
      const watcher = await icap(NO_CONTENT);
      const rules = [
        { point: 'reqmod', use: ['mover'] },
        { point: 'respmod', use: ['watcher'], when: { hosts: ['second.test'] } },
      ];
      const services = { mover: { url: url(mover) }, watcher: { url: url(watcher) } };
      const weir = await startTestWeir({ adaptation: { services, rules }, ...more });
      const dispose = async (): Promise<void> => {
        for (const part of [weir, mover, watcher]) await part[Symbol.asyncDispose]();
      };
      return { weir, [Symbol.asyncDispose]: dispose };
    }

    test.each(['http', 'https'] as const)(
      'is followed from %s, with its own Host and its own rules',
      async (scheme) => {
        await using first = await originServer((_, response) => void response.end('first'), {
          tls: scheme === 'https',
          names: ['first.test'],
        });
        await using second = await originServer(({ headers }, response) => void response.end(headers.host));
        await using lab = await moving(`http://second.test:${second.port}/new`);
        const { body } = await lab.weir.curl(`${scheme}://first.test:${first.port}/old`);
        expect(body.toString()).toBe(`second.test:${second.port}`);
        expect(first.requests).toHaveLength(0);
        const record = await recordOf(lab.weir, '/old');
        expect(record.adaptation.map(({ service }) => service)).toEqual(['mover', 'watcher']);
      },
    );

    test('is refused where clients may not go either', async () => {
      await using lab = await moving('http://second.test/', {
        proxy: { targets: { deny: ['second.test'] } },
      });
      const { status, body } = await lab.weir.curl('http://first.test/denied');
      expect(status).toBe(403);
      expect(body.toString()).toContain('ERR_PROXY_DENIED');
    });

    test('is refused where it leads to a port of our own', async () => {
      await using weir = await startTestWeir();
      await using mover = await icap(
        rewritten(`GET http://127.0.0.1:${weir.weir.dashboard!.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`),
      );
      const services = { mover: { url: url(mover) } };
      await weir.reload({ adaptation: { services, rules: [{ point: 'reqmod', use: ['mover'] }] } });
      const { status, body } = await weir.curl('http://first.test/self');
      expect(status).toBe(403);
      expect(body.toString()).toContain('ERR_PROXY_SELF');
    });
  });

  describe('K-52 CONNECT', () => {
    const connecting = async (answer: string) => {
      const service = await icap(answer);
      const weir = await startTestWeir({
        adaptation: {
          services: { policy: { url: url(service) } },
          rules: [{ point: 'reqmod', use: ['policy'], when: { methods: ['CONNECT'] } }],
        },
      });
      const dispose = async (): Promise<void> => {
        for (const part of [weir, service]) await part[Symbol.asyncDispose]();
      };
      return { weir, service, [Symbol.asyncDispose]: dispose };
    };

    test('is answered with what the service says', async () => {
      await using lab = await connecting(PAGE);
      await using client = await rawClient(lab.weir.proxyPort);
      client.send('CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\nConnection: close\r\n\r\n');
      const answer = (await client.closed()).toString();
      expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n[^]*blocked/);
      const record = await recordOf(lab.weir, 'origin.test:443');
      expect(record).toMatchObject({ method: 'CONNECT', status: 403, verdict: 'blocked' });
      expect(record.adaptation).toMatchObject([{ service: 'policy', verdict: 'blocked' }]);
    });

    test('is never answered with a 2xx page, which a client would take for the tunnel', async () => {
      const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n';
      const start = `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: res-hdr=0, res-body=${head.length}\r\n\r\n`;
      await using lab = await connecting(`${start}${head}4\r\npage\r\n0\r\n\r\n`);
      await using client = await rawClient(lab.weir.proxyPort);
      client.send('CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\nConnection: close\r\n\r\n');
      expect((await client.closed()).toString()).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n[^]*page/);
    });

    test('goes on unchanged with 204, and what is in the tunnel is another matter', async () => {
      await using origin = await originServer((_, response) => void response.end('inside'), { tls: true });
      await using lab = await connecting(NO_CONTENT);
      const { body } = await lab.weir.curl(`https://origin.test:${origin.port}/inside`);
      expect(body.toString()).toBe('inside');
      const connect = await recordOf(lab.weir, `origin.test:${origin.port}`);
      expect(connect).toMatchObject({ method: 'CONNECT', status: 200, verdict: 'allowed' });
      expect((await recordOf(lab.weir, '/inside')).adaptation).toEqual([]);
    });

    test('leads to another target where the service names one', async () => {
      await using origin = await originServer((_, response) => void response.end('renamed'), { tls: true });
      const renamed = `origin.test:${origin.port}`;
      await using lab = await connecting(
        rewritten(`CONNECT ${renamed} HTTP/1.1\r\nHost: ${renamed}\r\n\r\n`),
      );
      const { body } = await lab.weir.curl('--insecure', 'https://elsewhere.test:1/');
      expect(body.toString()).toBe('renamed');
    });

    test('fails closed when the service does', async () => {
      await using lab = await connecting('ICAP/1.0 500 Broken\r\n\r\n');
      await using client = await rawClient(lab.weir.proxyPort);
      client.send('CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\nConnection: close\r\n\r\n');
      expect((await client.closed()).toString()).toMatch(/^HTTP\/1\.1 502 [^]*ERR_ADAPT_STATUS/);
    });
  });
});

test('K-72 a shared field goes from the REQMOD answer into the RESPMOD request of the same transaction', async () => {
  await using origin = await originServer((_, response) => void response.end('content'));
  const seen: string[] = [];
  let count = 0;
  await using service = await scriptedIcap((peer, request) => {
    seen.push(request);
    peer.send(NO_CONTENT.replace('ISTag', `X-ICAP-E2G: session-${count++}\r\nISTag`));
  });
  const rules = ['reqmod', 'respmod'].map((point) => ({ point, use: ['filter'] }));
  const services = { filter: { url: url(service) } };
  await using weir = await startTestWeir({ adaptation: { services, rules, share: ['X-ICAP-E2G'] } });
  for (const path of ['/a', '/b']) await weir.curl(`${origin.url}${path}`);
  expect(seen.map((request) => /X-ICAP-E2G: (\S+)/.exec(request)?.[1] ?? null)).toEqual([
    ...[null, 'session-0'],
    ...[null, 'session-2'],
  ]);
});

describe('coverage in the log', () => {
  test('tells what was scanned, and why something was not', async () => {
    await using origin = await originServer((request, response) => {
      if (request.url === '/part') response.writeHead(206, { 'Content-Range': 'bytes 0-3/100' });
      response.end('part');
    });
    await using secure = await originServer((_, response) => void response.end('secret'), { tls: true });
    const rules = [
      { point: 'reqmod', use: ['sandblast'] },
      { point: 'respmod', use: [], when: { paths: ['/left/*'] } },
      { point: 'respmod', use: ['sandblast'], when: { not: { paths: ['*.iso'] } } },
    ];
    const tls = { rules: [{ hosts: ['origin.test'], action: 'splice' }] };
    await using weir = await startTestWeir({ adaptation: { rules }, proxy: { tls } });
    for (const path of ['/clean', '/left/out', '/a.iso', '/part']) await weir.curl(`${origin.url}${path}`);
    await weir.curl('--insecure', `https://origin.test:${secure.port}/spliced`);
    const of = async (path: string) => (await recordOf(weir, path))['coverage'];
    expect(await of('/clean')).toEqual({ state: 'clean', reason: null });
    expect(await of('/left/out')).toEqual({ state: 'not-scanned', reason: 'policy' });
    expect(await of('/a.iso')).toEqual({ state: 'not-scanned', reason: 'policy' });
    expect(await of('/part')).toEqual({ state: 'not-scanned', reason: 'range' });
    expect(await of(`:${secure.port}`)).toEqual({ state: 'not-scanned', reason: 'encrypted' });
  });

  test('of content that the own gateway could not see into tells why', async () => {
    const archive = zipOf([{ name: 'secret.txt', data: Buffer.from('locked away') }]);
    archive.writeUInt16LE(1, 6); // encrypted, says the local header
    archive.writeUInt16LE(1, archive.indexOf('PK\u0001\u0002', 'latin1') + 8); // and the directory
    await using origin = await originServer((_, response) => void response.end(archive));
    await using weir = await startTestWeir();
    expect((await weir.curl(`${origin.url}/locked.zip`)).body.equals(archive)).toBe(true);
    const { coverage } = await recordOf(weir, '/locked.zip');
    expect(coverage).toEqual({ state: 'not-scanned', reason: 'encrypted' });
    await weir.reload({ adaptation: { notScanned: { encrypted: 'block' } } });
    expect((await weir.curl(`${origin.url}/refused.zip`)).status).toBe(403);
  });

  test('of a switch to another protocol is "stream", and notScanned may forbid it', async () => {
    await using origin = await rawOrigin((socket) => {
      socket.once('data', () => {
        socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nhello');
      });
    });
    await using weir = await startTestWeir({ adaptation: { notScanned: { stream: 'block' } } });
    const upgrade = async (path: string, end: string): Promise<string> => {
      await using client = await rawClient(weir.proxyPort);
      client.send(
        `GET ${origin.url}${path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n`,
      );
      return (await client.until(end)).toString();
    };
    expect(await upgrade('/refused', 'ERR_ADAPT_NOT_SCANNED')).toMatch(/^HTTP\/1\.1 403 /);
    expect(await recordOf(weir, '/refused')).toMatchObject({
      ...{ verdict: 'blocked', status: 403, coverage: { reason: 'stream' } },
      error: { code: 'ERR_ADAPT_NOT_SCANNED' },
    });
    await weir.reload({});
    expect(await upgrade('/allowed', 'hello')).toMatch(/^HTTP\/1\.1 101 /);
    expect((await recordOf(weir, '/allowed'))['coverage']).toEqual({
      state: 'not-scanned',
      reason: 'stream',
    });
  });

  test('an upload without a rule for it is refused where `policy` is to block', async () => {
    await using origin = await originServer((request, response) => {
      request.resume().on('end', () => response.end('taken'));
    });
    const rules = [{ point: 'respmod', use: ['sandblast'] }];
    await using weir = await startTestWeir({ adaptation: { rules, notScanned: { policy: 'block' } } });
    const upload = await weir.curl('--data', 'something', `${origin.url}/upload`);
    expect(upload.status).toBe(403);
    expect(origin.requests).toHaveLength(0);
    expect((await weir.curl(`${origin.url}/download`)).body.toString()).toBe('taken');
  });
});

describeWithPeer('c-icap', () => {
  test('members of a group share the work, and go on without the one that is stopped', async () => {
    await using one = await startCIcap();
    await using two = await startCIcap();
    await using origin = await originServer((_, response) => void response.end('content'));
    const services = { one: { url: one.url('echo') }, two: { url: two.url('echo') } };
    const groups = { both: { services: ['one', 'two'], strategy: 'round-robin', hedge: true } };
    const rules = [{ point: 'respmod', use: ['both'] }];
    await using weir = await startTestWeir({ adaptation: { services, groups, rules } });
    for (let i = 0; i < 6; i++) {
      expect((await weir.curl(`${origin.url}/before`)).body.toString()).toBe('content');
    }
    const before = await weir.logged(({ url: seen }) => seen?.endsWith('/before'), 6);
    expect(new Set(before.map(({ adaptation }) => adaptation[0]!.service))).toEqual(new Set(['one', 'two']));
    await one.stop();
    for (let i = 0; i < 6; i++) {
      expect((await weir.curl(`${origin.url}/after`)).body.toString()).toBe('content');
    }
    const after = await weir.logged(({ url: seen }) => seen?.endsWith('/after'), 6);
    expect(after.map(({ adaptation }) => adaptation[0]!.service)).toEqual(Array(6).fill('two'));
    expect(after.map((record) => record['coverage'])).not.toContainEqual(
      expect.objectContaining({ state: 'not-scanned' }),
    );
  });
});
