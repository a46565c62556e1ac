// Real clients that do not accept our certificate, or cannot: what the log calls it, what is learned from it,
// and what passes then.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TraceRecord } from '../../../src/trace/types.ts';
import { type OriginServer, originServer } from '../../support/originServer.ts';
import { runCli } from '../../support/runCli.ts';
import { testCa } from '../../support/testCa.ts';
import { type LocalWeir, type LogRecord, startTestWeir } from '../../support/weir.ts';
import { curlFrom, handshakeFrom, helloOf, opensslThrough, tunnelFrom } from './clients.ts';

const LEGACY = { ciphers: 'DEFAULT@SECLEVEL=0', rejectUnauthorized: false };
const BODY = Buffer.from(Array.from({ length: 300_000 }, (_, n) => (n * 31) & 0xff));

let weir: LocalWeir;
let origin: OriginServer;
beforeAll(async () => {
  origin = await originServer((_, response) => response.end(BODY), { tls: true, names: ['*.site.test'] });
  weir = await startTestWeir({
    proxy: {
      tls: {
        rules: [{ hosts: ['always.site.test'], action: 'bump' }],
        selfHealing: { after: 3, within: '10m', for: '24h' },
      },
    },
    adaptation: { rules: [] },
  });
});
afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

const url = (host: string): string => `https://${host}.site.test:${origin.port}/`;
const target = (host: string): string => `${host}.site.test:${origin.port}`;

/** The record of the failed tunnel to that host. */
async function failureOf(host: string): Promise<LogRecord> {
  const [record] = await weir.logged(({ url, error }) => url === target(host) && error !== undefined);
  return record!;
}

describe('a failed handshake is called', () => {
  const failed = (failure: string, message: RegExp): object => ({
    verdict: 'error',
    tls: { action: 'bump', failure },
    error: { code: 'ERR_TLS_HANDSHAKE', message: expect.stringMatching(message) },
  });

  test('cert-rejected where curl does not trust the CA', async () => {
    expect((await curlFrom('127.0.0.20', weir, 'nobody', url('curl'))).exitCode).toBe(60);
    expect(await failureOf('curl')).toMatchObject(
      failed(
        'cert-rejected',
        /rejected the certificate \(unknown_ca; the client does not trust the Weir CA, or pins/,
      ),
    );
  });

  test('cert-rejected where openssl s_client verifies', async () => {
    const { certPath } = await testCa();
    const args = ['-servername', 'openssl.site.test', '-CAfile', certPath, '-verify_return_error'];
    expect(await opensslThrough(weir, target('openssl'), ...args)).toMatch(/verify error|unable to get/);
    expect(await failureOf('openssl')).toMatchObject(failed('cert-rejected', /unknown_ca/));
  });

  test('closed where Node goes away behind the ServerHello', async () => {
    expect(await handshakeFrom('127.0.0.20', weir, target('node'), { minVersion: 'TLSv1.3' })).toMatch(
      /VERIFY|SELF_SIGNED/,
    );
    expect(await failureOf('node')).toMatchObject(failed('closed', /the client closed the connection/));
  });

  test('reset where the connection breaks', async () => {
    const socket = await tunnelFrom('127.0.0.20', weir, target('reset'));
    socket.write(await helloOf('reset.site.test'));
    socket.resume();
    socket.once('data', () => socket.resetAndDestroy()); // the ServerHello has come
    expect(await failureOf('reset')).toMatchObject(failed('reset', /ECONNRESET|socket/));
  });

  test.each([
    ['TLSv1.1', /it offers TLS 1\.1 at most, and Weir needs TLS 1\.2 or later/],
    ['TLSv1', /it offers TLS 1\.0 at most, and Weir needs TLS 1\.2 or later/],
  ] as const)('protocol-version where the client knows %s at most', async (version, message) => {
    const host = version.toLowerCase().replace('.', '-');
    const options = { ...LEGACY, minVersion: 'TLSv1', maxVersion: version } as const;
    expect(await handshakeFrom('127.0.0.20', weir, target(host), options)).toMatch(
      /ALERT_PROTOCOL_VERSION|ECONNRESET/,
    );
    expect(await failureOf(host)).toMatchObject(failed('protocol-version', message));
  });

  test('no-shared-cipher where there is none', async () => {
    const options = {
      ciphers: 'DHE-RSA-CHACHA20-POLY1305',
      maxVersion: 'TLSv1.2',
      sigalgs: 'RSA-PSS+SHA512',
    } as const;
    await handshakeFrom('127.0.0.20', weir, target('cipher'), { ...options, rejectUnauthorized: false });
    expect(await failureOf('cipher')).toMatchObject(
      failed('no-shared-cipher', /no cipher, curve or signature/),
    );
  });
});

describe('a client that trusts the CA and pins one host', () => {
  const CLIENT = '127.0.0.30';

  test('gets it unread after three rejections, byte for byte, while others do not', async () => {
    expect((await curlFrom(CLIENT, weir, 'weir', url('plain'))).body.equals(BODY)).toBe(true);
    for (let n = 0; n < 3; n++) {
      expect((await curlFrom(CLIENT, weir, 'origin', url('pinned'))).exitCode).toBe(60);
    }
    const [learned] = await weir.logged(({ msg }) => msg?.startsWith('pinned.site.test is spliced') === true);
    expect(learned).toMatchObject({
      level: 'warn',
      client: CLIENT,
      evidence: Array(3).fill({ time: expect.any(String), how: 'unknown_ca' }),
    });
    const spliced = await curlFrom(CLIENT, weir, 'origin', url('pinned'));
    expect(spliced.body.equals(BODY)).toBe(true);
    expect((await curlFrom('127.0.0.31', weir, 'origin', url('pinned'))).exitCode).toBe(60); // intercepted
    expect((await curlFrom('127.0.0.31', weir, 'weir', url('pinned'))).body.equals(BODY)).toBe(true);
    expect((await curlFrom(CLIENT, weir, 'weir', url('plain'))).exitCode).toBe(0); // intercepted as before
  });

  test('finds the reason in the record and in weir why', async () => {
    const isSpliced = ({ url, verdict }: LogRecord): boolean =>
      url === target('pinned') && verdict === 'bypassed';
    const [record] = await weir.logged(isSpliced);
    const reason = `client ${CLIENT} rejected the certificate of pinned.site.test 3 times (unknown_ca)`;
    expect(record).toMatchObject({ tls: { action: 'splice', learned: reason } });
    await weir.weir.traces?.flush();
    const config = weir.folder.join('weir.yaml');
    const { stdout } = await runCli(['why', record!.id, '--json', '--config', config]);
    const trace = JSON.parse(stdout) as TraceRecord;
    expect(trace.decided).toMatch(/^proxy\.tls\.selfHealing: spliced until 20.*Z because client/);
    expect(trace.decided).toContain(reason);
    expect((await runCli(['why', record!.id, '--config', config])).stdout).toContain(reason);
  });

  test('is listed, and intercepted again once it is removed', async () => {
    const certs = ['--certs', weir.folder.join('certs')];
    const list = async (): Promise<{ splices: object[] }> =>
      JSON.parse((await runCli(['splice', 'list', '--json', ...certs])).stdout) as { splices: object[] };
    let listed = await list();
    for (; listed.splices.length === 0; listed = await list())
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(listed.splices).toEqual([
      expect.objectContaining({ host: 'pinned.site.test', client: CLIENT, port: origin.port, user: null }),
    ]);
    const text = await runCli(['splice', 'list', ...certs]);
    expect(text.stdout).toMatch(/^pinned\.site\.test:\d+ {2}for 24h more: client 127\.0\.0\.30 rejected/);

    const miss = await runCli(['splice', 'remove', 'other.site.test', ...certs]);
    expect(miss).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('other.site.test is not spliced'),
    });
    const wrong = await runCli(['splice', 'remove', 'pinned.site.test', '--client', '127.0.0.31', ...certs]);
    expect(wrong.exitCode).toBe(1);
    const removed = await runCli(['splice', 'remove', 'Pinned.Site.test', ...certs]);
    expect(removed).toMatchObject({
      exitCode: 0,
      stdout: `pinned.site.test is intercepted again for ${CLIENT}, from the next tunnel on\n`,
    });
    expect((await list()).splices).toEqual([]);
    expect((await curlFrom(CLIENT, weir, 'origin', url('pinned'))).exitCode).toBe(60);
    expect((await curlFrom(CLIENT, weir, 'weir', url('pinned'))).exitCode).toBe(0);
  });

  test('that verifies only behind the handshake, as Node does with TLS 1.2, is understood as well', async () => {
    const ca = (await testCa()).cert;
    const options = { ca, maxVersion: 'TLSv1.2' } as const;
    for (let n = 0; n < 3; n++) {
      expect(await handshakeFrom(CLIENT, weir, target('late'), options)).toMatch(/VERIFY|SELF_SIGNED|ISSUER/);
    }
    const [learned] = await weir.logged(({ msg }) => msg?.startsWith('late.site.test is spliced') === true);
    expect(learned).toMatchObject({
      evidence: Array(3).fill({ time: expect.any(String), how: expect.stringMatching(/unused$/) }),
    });
    expect(await handshakeFrom(CLIENT, weir, target('late'), options)).toBeNull();
  });

  test('gets no host that a rule intercepts', async () => {
    for (let n = 0; n < 5; n++) await curlFrom(CLIENT, weir, 'origin', url('always'));
    await weir.logged(({ url, error }) => url === target('always') && error !== undefined, 5);
    expect((await curlFrom(CLIENT, weir, 'origin', url('always'))).exitCode).toBe(60);
  });

  test('gets nothing more where strict is true, not even what was learned', async () => {
    await weir.reload({ proxy: { tls: { strict: true } }, adaptation: { rules: [] } });
    const ca = (await testCa()).cert;
    expect(await handshakeFrom(CLIENT, weir, target('late'), { ca })).not.toBeNull();
  });
});

test('a client that accepts nothing is named once, with what mends it, and gets nothing unread', async () => {
  const CLIENT = '127.0.0.40';
  for (const host of ['one', 'two', 'one', 'two', 'one', 'two', 'one', 'two']) {
    expect((await curlFrom(CLIENT, weir, 'origin', url(host))).exitCode).toBe(60);
  }
  const told = await weir.logged(
    ({ msg, client }) => client === CLIENT && msg !== undefined && msg.startsWith('client '),
  );
  expect(told).toHaveLength(1);
  expect(told[0]?.msg).toMatch(/does not trust the Weir CA\. .*weir ca trust.*http:\/\/weir\.local\//);
  await weir.logged(({ url, client }) => url === target('two') && client === CLIENT, 4);
  expect(
    weir.log().filter(({ msg, client }) => client === CLIENT && /is spliced for client/.test(msg ?? '')),
  ).toEqual([]);
});
