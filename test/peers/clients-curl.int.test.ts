// curl by each way into the proxy and with each version of HTTP, and what only curl does: 100-continue,
// trailers, parts of a file, and an upload from a pipe whose length nobody knows.

import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CLEAN_TEXT, MEGABYTE, MIB, type Origins, sha256, startOrigins } from '../e2e/lab.ts';
import { type CurlResult, curl } from '../support/curl.ts';
import { type OriginServer, originServer } from '../support/originServer.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { type TempDir, tempDir } from '../support/tempDir.ts';
import { type LocalWeir, startTestWeir } from '../support/weir.ts';

/** 1 GiB where there is time. */
const PIPED = (process.env['WEIR_FULL_CLIENTS'] === '1' ? 1024 : 256) * MIB;
const SLOW = 120_000;

let weir: LocalWeir;
let unscanned: LocalWeir;
let origins: Origins;
let counting: OriginServer;
let home: TempDir;
let upload: string;

beforeAll(async () => {
  home = await tempDir('weir-curl-');
  upload = await home.write('upload.bin', MEGABYTE);
  origins = await startOrigins();
  counting = await originServer(
    (request, response) => {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => (bytes += chunk.length));
      request.on('end', () => response.end(String(bytes)));
    },
    { tls: true },
  );
  weir = await startTestWeir({
    proxy: {
      listen: [{ listen: '127.0.0.1:0' }, { listen: '127.0.0.1:0', tls: true }],
      tls: { strict: true },
    },
  });
  unscanned = await startTestWeir({ adaptation: { rules: [] } });
});
afterAll(async () => {
  for (const part of [weir, unscanned, origins, counting, home]) await part?.[Symbol.asyncDispose]();
});

function portAt(index: number): string {
  return weir.weir.proxyAddresses[index]!.split(':').at(-1)!;
}

const WAYS: readonly [string, () => string][] = [
  ['an HTTP proxy', () => `http://127.0.0.1:${portAt(0)}`],
  ['a proxy behind TLS', () => `https://127.0.0.1:${portAt(1)}`],
  ['SOCKS5', () => `socks5h://127.0.0.1:${portAt(0)}`],
];

describeWithPeer('curl', () => {
  describe.each(WAYS)('by %s', (_way, proxy) => {
    const through = (...args: string[]): Promise<CurlResult> =>
      curl(['--proxy', proxy(), '--proxy-cacert', weir.caPath, '--cacert', weir.caPath, ...args]);

    test.each([
      ['--http1.1', 'HTTP/1.1 403'],
      ['--http2', 'HTTP/2 403'],
    ])('curl %s gets a page, sends a file, keeps its connection and gets no virus', async (version, line) => {
      const page = await through(version, origins.url('https', '/clean'));
      expect([page.exitCode, page.status, page.body.toString()]).toEqual([0, 200, CLEAN_TEXT]);
      const sent = await through(version, '--data-binary', `@${upload}`, origins.url('https', '/upload'));
      expect([sent.exitCode, sent.body.toString()]).toEqual([0, sha256(MEGABYTE)]);
      const large = origins.url('https', '/20m');
      const kept = await through(
        version,
        '-w',
        '%{num_connects} ',
        ...[large, large].flatMap((url) => [url, '-o', '/dev/null']),
      );
      expect([kept.exitCode, kept.body.toString()]).toEqual([0, '1 0 ']);
      const blocked = await through(version, origins.url('https', '/eicar.zip'));
      expect([blocked.exitCode, blocked.headers]).toEqual([0, expect.stringContaining(line)]);
      expect(blocked.body.toString()).toContain('<!doctype html>');
    });
  });

  test('curl waits for 100 Continue, and gets it from the origin', async () => {
    const result = await weir.curl(
      ...['--http1.1', '-H', 'Expect: 100-continue', '--expect100-timeout', '15'],
      ...['--data-binary', `@${upload}`, origins.url('https', '/upload')],
    );
    expect([result.exitCode, result.body.toString()]).toEqual([0, sha256(MEGABYTE)]);
    expect(result.headers).toContain('HTTP/1.1 100 Continue');
  });

  test('curl gets trailers', async () => {
    const result = await weir.curl('--http1.1', '-H', 'TE: trailers', origins.url('https', '/trailers'));
    expect([result.exitCode, result.body.toString()]).toEqual([0, 'hello world!']);
    expect(result.headers).toContain('X-Sum: 12 bytes');
  });

  test('curl gets a part of a file', async () => {
    const result = await weir.curl('-r', '0-99', origins.url('https', '/1m'));
    expect(result.status).toBe(206);
    expect([result.exitCode, sha256(result.body)]).toEqual([0, sha256(MEGABYTE.subarray(0, 100))]);
  });

  test.each([['--http1.1'], ['--http2']])(
    'curl %s uploads from a pipe what has no length',
    async (version) => {
      const url = `https://www.origin.test:${counting.port}/`;
      const args = [
        '-q',
        '-sS',
        '-T',
        '-',
        '-X',
        'POST',
        '--proxy',
        `http://127.0.0.1:${unscanned.proxyPort}`,
        '--cacert',
        unscanned.caPath,
        version,
        url,
      ];
      const child = spawn('sh', ['-c', `head -c ${PIPED} /dev/zero | curl "$@"`, 'curl', ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const output: Buffer[] = [];
      child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
      const code = await new Promise((resolve) => child.once('close', resolve));
      expect([code, Buffer.concat(output).toString()]).toEqual([0, String(PIPED)]);
    },
    SLOW,
  );
});
