// One table of HTTP exchanges over every way on which the proxy reaches a scanner: its own gateway in
// this process, the same over TCP, and c-icap, which somebody else wrote. What is clean arrives as it was
// sent, what is infected arrives nowhere, and the log says which was which.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { eicar, eicarZip } from '../support/eicar.ts';
import { startCIcap } from '../support/peers/c-icap.ts';
import { CLAMD_EICAR_NAME, startClamd } from '../support/peers/clamd.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { tempDirForFile } from '../support/tempDir.ts';
import { INCIDENT_ID } from '../../src/util/incident-id.ts';
import { type LogRecord, startTestWeir, type TestWeir, type WeirSettings } from '../support/weir.ts';
import {
  CLEAN_TEXT,
  MEGABYTE,
  MIB,
  type Origins,
  RAW_PAGES,
  SCHEMES,
  type Scheme,
  TWENTY_MEGABYTES,
  rawRequest,
  sha256,
  startOrigins,
} from './lab.ts';

/** Notes what is to be stopped when the suite ends. */
type Keep = <Started extends AsyncDisposable>(started: Started) => Started;

interface Transport {
  /** What the scanner calls EICAR; null for one that finds nothing. */
  readonly threat: string | null;
  /** Answers 200 with the same message now and then where 204 would do, as c-icap's echo does. */
  readonly echoes?: boolean;
  /** Blocks are ours: page, incident id, record of the gateway. */
  readonly own: boolean;
  /** Starts the peers and says how to reach them. */
  start(keep: Keep): Promise<WeirSettings | ((gatewayPort: number) => WeirSettings)>;
}

const through = (url: string, more: Record<string, unknown> = {}): WeirSettings => ({
  adaptation: {
    services: { scanner: { url, ...more } },
    rules: [
      { point: 'reqmod', use: ['scanner'] },
      { point: 'respmod', use: ['scanner'] },
    ],
  },
});

const inProcess: Transport = {
  threat: 'EICAR-Test-File',
  own: true,
  start: async () => (port) => through(`icap://127.0.0.1:${port}/sandblast`),
};
const overTcp: Transport = {
  ...inProcess,
  start: async () => (port) => through(`icap://127.0.0.1:${port}/sandblast`, { inProcess: false }),
};
const virusScan: Transport = {
  threat: CLAMD_EICAR_NAME,
  own: false,
  async start(keep) {
    const clamd = keep(await startClamd());
    const server = keep(await startCIcap({ clamdSocket: clamd.socketPath }));
    return through(server.url('avscan'));
  },
};
const echo: Transport = {
  threat: null,
  own: false,
  echoes: true,
  start: async (keep) => through(keep(await startCIcap()).url('echo')),
};

describe('our gateway in this process', () => suite(inProcess));
describe('our gateway over TCP', () => suite(overTcp));
describeWithPeer(['c-icap', 'virus_scan', 'clamd'], () => suite(virusScan));
describeWithPeer(['c-icap'], () => suite(echo));

/** The table; each row runs over http and https. */
function suite(transport: Transport): void {
  const started: AsyncDisposable[] = [];
  let weir: TestWeir;
  let origins: Origins;
  let serial = 0;

  beforeAll(async () => {
    const keep: Keep = (it) => (started.push(it), it);
    origins = keep(await startOrigins());
    weir = keep(await startTestWeir(await transport.start(keep)));
  });
  afterAll(async () => {
    for (const it of started.reverse()) await it[Symbol.asyncDispose]();
  });

  /** A path that no other exchange uses, so that its log record can be found. */
  const unique = (path: string): string => `${path}?${++serial}`;

  /** The proxy's record of that URL, once it is written; there must not be a second one. */
  async function recordOf(scheme: Scheme, path: string): Promise<LogRecord> {
    const url = origins.url(scheme, path);
    const found = await weir.logged((record) => record.kind === 'proxy' && record.url === url);
    expect(found).toHaveLength(1);
    return found[0]!;
  }

  async function expectPassed(scheme: Scheme, path: string, status: number): Promise<void> {
    const record = await recordOf(scheme, path);
    expect(record).toMatchObject({ status, threat: null, incident: null });
    expect(record.tls?.action ?? null).toBe(scheme === 'https' ? 'bump' : null);
    expect(record.adaptation.map(({ method }) => method)).toEqual(['REQMOD', 'RESPMOD']);
    const outcomes = record.adaptation.map(({ icapStatus, verdict }) => `${icapStatus} ${verdict}`);
    if (transport.echoes) return expect(outcomes.join(' ')).toMatch(/^((204 allowed|200 modified) ?){2}$/);
    expect(outcomes).toEqual(['204 allowed', '204 allowed']);
    expect(record.verdict).toBe('allowed');
  }

  describe.each(SCHEMES)('over %s', (scheme) => {
    const raw = (method: string, path: string): Promise<Buffer> =>
      rawRequest(weir, origins, scheme, method, path);

    test('a page keeps status, reason, and its fields in order, case and number', async () => {
      const path = unique('/odd-head');
      const [head, body] = (await raw('GET', path)).toString('latin1').split('\r\n\r\n');
      const sent = RAW_PAGES['/odd-head']!.split('\r\n\r\n')[0]!;
      const kept = sent.split('\r\n').filter((line) => !/^(?:Keep-Alive|Connection|X-Hop):/.test(line));
      const arrived = head!.split('\r\n').filter((line) => !line.startsWith('Via: ICAP/1.0 '));
      expect(arrived).toEqual([...kept, 'Connection: close']);
      if (!transport.echoes) expect(head).not.toMatch(/^Via:/m);
      expect(body).toBe('hello world!');
      await expectPassed(scheme, path, 203);
    });

    test('trailer fields arrive behind the body, as they were announced', async () => {
      const path = unique('/trailers');
      const text = (await raw('GET', path)).toString('latin1');
      if (transport.echoes) return expect(text).toContain('hello'); // c-icap drops trailers when it echoes
      expect(text).toMatch(/\r\nTrailer: X-Sum\r\n/);
      expect(text).toMatch(/\r\n0\r\nX-Sum: 12 bytes\r\nx-sum: twice\r\n\r\n$/);
      const { body } = await weir.curl(origins.url(scheme, unique('/trailers')));
      expect(body.toString()).toBe('hello world!');
      await expectPassed(scheme, path, 200);
    });

    test.each([
      ['GET', '/empty', 200],
      ['GET', '/204', 204],
      ['GET', '/304', 304],
      ['HEAD', '/head', 200],
    ])('%s %s arrives with its head and nothing behind it', async (method, page, status) => {
      const path = unique(page);
      const answer = (await raw(method, path)).toString('latin1');
      expect(answer.replace(/Via: ICAP[^\n]*\n/, '')).toBe(
        RAW_PAGES[page]!.replace(/\r\n\r\n$/, '\r\nConnection: close\r\n\r\n'),
      );
      await expectPassed(scheme, path, status);
    });

    test.each([
      ['/clean', Buffer.from(CLEAN_TEXT)],
      ['/1m', MEGABYTE],
      ['/20m', TWENTY_MEGABYTES],
      ['/chunked', MEGABYTE],
      ['/until-close', Buffer.from('until the connection ends')],
    ])('the download %s arrives byte for byte', async (page, expected) => {
      const path = unique(page);
      const { body, stderr } = await weir.curl(origins.url(scheme, path));
      expect(stderr).toBe('');
      expect(sha256(body)).toBe(sha256(expected));
      expect(await recordOf(scheme, path)).toMatchObject({
        status: 200,
        bytesOut: expected.length,
        threat: null,
        incident: null,
      });
    });

    test('a compressed page arrives compressed as it was', async () => {
      const path = unique('/gzip');
      const { body, header } = await weir.curl(origins.url(scheme, path));
      expect(header('Content-Encoding')).toBe('gzip');
      expect(gunzipSync(body).toString()).toBe(CLEAN_TEXT);
      await expectPassed(scheme, path, 200);
    });

    test.each([
      ['POST', 1],
      ['PUT', 20],
    ])('%s of %d MiB reaches the origin byte for byte', async (method, size) => {
      const data = size === 1 ? MEGABYTE : TWENTY_MEGABYTES;
      const path = unique('/upload');
      const file = await fileWith(`upload-${size}`, data);
      const { body, stderr } = await weir.curl(
        ...['-X', method, '-H', 'Content-Type: application/octet-stream', '--data-binary', `@${file}`],
        origins.url(scheme, path),
      );
      expect(stderr).toBe('');
      expect(body.toString()).toBe(sha256(data));
      expect(origins.uploads.at(-1)).toMatchObject({ method, path, sha256: sha256(data) });
      expect(await recordOf(scheme, path)).toMatchObject({ status: 200, bytesIn: size * MIB, threat: null });
    });

    if (transport.threat === null) return;

    test.each(['/eicar', '/eicar-gzip', '/eicar-deflate', '/eicar.zip'])(
      'the download %s is blocked and the page names the threat',
      async (page) => {
        const path = unique(page);
        const { status, body, headers } = await weir.curl(origins.url(scheme, path));
        expect(status).toBe(403);
        await expectBlocked(scheme, path, 'RESPMOD', body.toString(), headers);
      },
    );

    test.each([
      ['POST', 'in the clear', eicar()],
      ['PUT', 'in the clear', eicar()],
      ['POST', 'in a zip', eicarZip()],
    ])('%s of EICAR %s is blocked before the origin has it', async (method, _how, data) => {
      const path = unique('/upload');
      const file = await fileWith('infected', data);
      const { status, body, headers } = await weir.curl(
        ...['-X', method, '-H', 'Content-Type: application/octet-stream', '--data-binary', `@${file}`],
        origins.url(scheme, path),
      );
      expect(status).toBe(403);
      expect(origins.seen(path)).toBe(0);
      await expectBlocked(scheme, path, 'REQMOD', body.toString(), headers);
    });

    if (!transport.own) return;

    test('EICAR in a multipart form is blocked before the origin has it', async () => {
      const path = unique('/upload');
      const file = await fileWith('eicar.com', eicar());
      const { status, body, headers } = await weir.curl(
        ...['-F', 'comment=harmless', '-F', `file=@${file}`],
        origins.url(scheme, path),
      );
      expect(status).toBe(403);
      expect(origins.seen(path)).toBe(0);
      await expectBlocked(scheme, path, 'REQMOD', body.toString(), headers);
    });
  });

  async function expectBlocked(
    scheme: Scheme,
    path: string,
    method: 'REQMOD' | 'RESPMOD',
    page: string,
    headers: string,
  ): Promise<void> {
    const record = await recordOf(scheme, path);
    expect(record).toMatchObject({ status: 403, verdict: 'blocked', threat: { name: transport.threat } });
    expect(record.adaptation.at(-1)).toMatchObject({ method, icapStatus: 200, verdict: 'blocked' });
    expect(page).toContain(transport.threat!);
    if (!transport.own) return;
    const incident = record.incident!;
    expect(incident).toMatch(INCIDENT_ID);
    expect(page).toContain(incident);
    expect(page).not.toContain(record.id);
    expect(headers).toMatch(new RegExp(`^x-weir-incident: ${incident}\r$`, 'im')); // lower case over HTTP/2
    expect(headers).toMatch(/^cache-control: no-store\r$/im);
    const [gateway] = await weir.logged(({ kind, id }) => kind === 'gateway' && id === incident);
    expect(gateway).toMatchObject({ method, verdict: 'blocked', threat: record.threat, url: record.url });
  }
}

const files = tempDirForFile();

async function fileWith(name: string, data: Buffer): Promise<string> {
  const file = `${await files}/${name}`;
  await writeFile(file, data);
  return file;
}
