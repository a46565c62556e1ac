// Bodies without end through a whole proxy: an origin that writes when the test says so, our own gateway
// in-process and over TCP, and a client that sees every byte as it comes.

import type { ServerResponse } from 'node:http';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eicar, eicarZip, zipOf } from '../../support/eicar.ts';
import { originServer, type OriginServer } from '../../support/originServer.ts';
import { type RawClient, rawClient } from '../../support/rawClient.ts';
import { type LocalWeir, type LogRecord, startTestWeir, type WeirSettings } from '../../support/weir.ts';

const EVENTS = { 'Content-Type': 'text/event-stream' };
/** Found anywhere; in two halves, so that no scanner finds it here. */
const MARKER = ['weir-test-malware:9c4e7a1f63b2d8', '504be19fa7c25d3086'].join('');

/** Windows as fast as a test wants them. */
const STREAMS = { every: '40ms' };

const WAYS: Readonly<Record<string, (port: number) => Record<string, unknown>>> = {
  'in-process': () => ({}),
  'over TCP': (port) => ({
    services: { sandblast: { url: `icap://127.0.0.1:${port}/sandblast`, inProcess: false } },
  }),
};

/** A stream that has begun. */
interface Stream extends AsyncDisposable {
  readonly path: string;
  /** At the origin. */
  readonly response: ServerResponse;
  readonly client: RawClient;
}

describe.each(Object.entries(WAYS))('a stream, scanned %s', (_, way) => {
  let origin: OriginServer;
  let weir: LocalWeir;
  let paths = 0;
  let inForce = '';
  const begun = new Map<string, (response: ServerResponse) => void>();

  beforeAll(async () => {
    origin = await originServer((request, response) => begun.get(request.url!)!(response));
    weir = await startTestWeir((port) => ({ adaptation: { ...way(port), streams: STREAMS } }));
  });
  afterAll(async () => {
    await weir[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });
  beforeEach(() => using({}));

  async function using(adaptation: object, more: WeirSettings = {}): Promise<void> {
    const wanted = JSON.stringify([adaptation, more]);
    const streams = { ...STREAMS, ...(adaptation as { streams?: object }).streams };
    const all = { ...way(weir.gatewayPort), ...adaptation, streams };
    if (wanted !== inForce && inForce !== '') await weir.reload({ ...more, adaptation: all });
    inForce = wanted;
  }

  /** Asks for a stream; the origin has got the request and sent its head. */
  async function stream(headers: Record<string, string | string[]>, fields = ''): Promise<Stream> {
    const path = `/stream-${paths++}`;
    const came = new Promise<ServerResponse>((resolve) => begun.set(path, resolve));
    const client = await rawClient(weir.proxyPort);
    client.send(`GET ${origin.url}${path} HTTP/1.1\r\nHost: h\r\n${fields}\r\n`);
    const response = await came;
    response.writeHead(200, headers).flushHeaders();
    const dispose = async (): Promise<void> => {
      await client[Symbol.asyncDispose]();
      response.destroy();
    };
    return { path, response, client, [Symbol.asyncDispose]: dispose };
  }
  const recordOf = async ({ path }: Stream): Promise<LogRecord> =>
    (await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith(path)))[0]!;

  test('of events gives the client each event at once, though it never ends', async () => {
    await using events = await stream(EVENTS);
    for (let number = 1; number <= 5; number++) {
      events.response.write(`data: event ${number}\n\n`);
      await events.client.until(`data: event ${number}\n\n`);
    }
    expect(events.client.received().toString()).toMatch(/^HTTP\/1\.1 200 /);
    await events.client[Symbol.asyncDispose]();
    await once(events.response, 'close'); // the client has left, so the origin is let go
    const record = await recordOf(events);
    expect(record).toMatchObject({
      stream: { shape: 'type', policy: 'window' },
      coverage: { state: 'clean' },
    });
    expect((record['stream'] as { windows: number }).windows).toBeGreaterThanOrEqual(2);
  });

  test('that says nothing yet shows its head', async () => {
    await using events = await stream(EVENTS);
    await events.client.until('\r\n\r\n');
    events.response.write('data: late\n\n');
    await events.client.until('data: late\n\n');
  });

  test('that ends is delivered to its end', async () => {
    await using events = await stream(EVENTS, 'Connection: close\r\n');
    events.response.write('data: one\n\n');
    await events.client.until('data: one\n\n');
    events.response.end('data: two\n\n');
    expect((await events.client.closed()).toString()).toMatch(/data: two\n\n\r\n0\r\n\r\n$/);
    expect(await recordOf(events)).toMatchObject({ verdict: 'allowed', status: 200 });
  });

  test('that begins with malware is answered with the block page', async () => {
    await using events = await stream(EVENTS);
    events.response.write(eicar());
    expect((await events.client.until(/EICAR[^]*<\/html>/i)).toString()).toMatch(/^HTTP\/1\.1 403 /);
    await once(events.response, 'close');
    expect(await recordOf(events)).toMatchObject({ verdict: 'blocked', coverage: { state: 'blocked' } });
  });

  test.each([
    ['inside an event', [`data: ${MARKER}\n\n`]],
    ['across two windows', [`data: ${MARKER.slice(0, 30)}`, `${MARKER.slice(30)}\n\n`]],
  ])('is broken off at malware %s', async (_name, pieces) => {
    await using events = await stream(EVENTS);
    events.response.write('data: harmless\n\n');
    await events.client.until('data: harmless\n\n');
    const closed = once(events.response, 'close');
    const [first, second] = pieces as [string, string?];
    events.response.write(first);
    if (second !== undefined) {
      await events.client.until(first);
      events.response.write(second);
    }
    const received = (await events.client.closed()).toString();
    await closed;
    expect(received).not.toContain(MARKER.slice(30));
    expect(received).not.toMatch(/\r\n0\r\n\r\n$/);
    const record = await recordOf(events);
    expect(record).toMatchObject({
      ...{ verdict: 'blocked', coverage: { state: 'blocked' }, error: { code: 'ERR_ADAPT_BLOCKED' } },
      threat: { name: 'Weir-Test-Malware' },
    });
    expect(record.adaptation.at(-1)).toMatchObject({ method: 'RESPMOD', verdict: 'blocked' });
  });

  test('of pictures goes on picture by picture', async () => {
    await using camera = await stream({ 'Content-Type': 'multipart/x-mixed-replace; boundary=frame' });
    for (let number = 0; number < 4; number++) {
      const picture = Buffer.alloc(50_000, 65 + number);
      camera.response.write(`--frame\r\nContent-Type: image/jpeg\r\n\r\n`);
      camera.response.write(picture);
      await camera.client.until((bytes) => bytes.length >= (number + 1) * picture.length);
      expect(camera.client.received().lastIndexOf(65 + number)).toBeGreaterThan(number * picture.length);
    }
  });

  test('of parts is scanned part by part', async () => {
    await using camera = await stream({ 'Content-Type': 'multipart/x-mixed-replace; boundary=frame' });
    const part = (content: Buffer | string): string =>
      `--frame\r\nContent-Type: text/plain\r\n\r\n${content.toString()}\r\n`;
    camera.response.write(part('harmless'));
    await camera.client.until('harmless');
    camera.response.write(part(eicar()));
    expect((await camera.client.closed()).includes('EICAR-STANDARD')).toBe(false);
  });

  test('of Internet radio is known by its fields, under any type', async () => {
    await using radio = await stream({ 'icy-name': 'Weir FM', 'Content-Type': 'application/octet-stream' });
    radio.response.write(Buffer.alloc(200_000, 'R'));
    await radio.client.until((bytes) => bytes.length >= 200_000);
    await radio.client[Symbol.asyncDispose]();
    expect(await recordOf(radio)).toMatchObject({ stream: { shape: 'radio' }, coverage: { state: 'clean' } });
  });

  test('comes byte for byte, however it is cut', async () => {
    await using events = await stream(EVENTS, 'Connection: close\r\n');
    const lines = Array.from({ length: 20_000 }, (_item, index) => `data: ${index}\n\n`);
    for (let at = 0; at < lines.length; at += 700) events.response.write(lines.slice(at, at + 700).join(''));
    events.response.end();
    const received = await events.client.closed();
    expect(unchunked(received.subarray(received.indexOf('\r\n\r\n') + 4)).toString()).toBe(lines.join(''));
    const { windows } = (await recordOf(events))['stream'] as { windows: number };
    expect(windows).toBeGreaterThanOrEqual(lines.join('').length / (64 * 1024) - 1);
  });

  test('holds no more than a window for a client that does not read', async () => {
    await using events = await stream(EVENTS);
    events.client.socket.pause();
    let written = 0;
    const piece = Buffer.alloc(256 * 1024, 'x');
    for (let i = 0; i < 400; i++) {
      written += piece.length;
      if (!events.response.write(piece)) {
        const drained = await Promise.race([once(events.response, 'drain'), quiet()]);
        if (drained === null) break;
      }
    }
    expect(written).toBeLessThan(32 * 1024 * 1024); // most of it in buffers of the kernel
  });

  test('of a client goes on too, where it is gRPC', async () => {
    await using upload = await rawClient(weir.proxyPort);
    let heard = (_text: string): void => {};
    const said = (): Promise<string> => new Promise((resolve) => (heard = resolve));
    let gone = (): void => {};
    const closed = new Promise<void>((resolve) => (gone = resolve));
    await using server = await originServer((request) => {
      request.on('data', (chunk: Buffer) => heard(chunk.toString())).on('close', () => gone());
      request.on('error', () => {});
    });
    const send = (text: string): void =>
      upload.send(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
    const first = said();
    upload.send(`POST ${server.url}/call HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n`);
    upload.send('Content-Type: application/grpc\r\n\r\n');
    send('one');
    expect(await first).toBe('one');
    const second = said();
    send('two');
    expect(await second).toBe('two');
    send(MARKER);
    await closed;
    const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith('/call'));
    expect(record).toMatchObject({ stream: { shape: 'type' }, verdict: 'blocked' });
  });

  test('that is an archive is scanned as one, whatever it says it is', async () => {
    const archive = eicarZip();
    await using events = await stream(EVENTS, 'Connection: close\r\n');
    events.response.end(archive);
    expect((await events.client.closed()).toString()).toMatch(/^HTTP\/1\.1 403 /);
  });

  test('that proves to be an archive behind its first bytes ends when that is malware', async () => {
    for (const [archive, isClean] of [
      [zipOf([{ name: 'a.txt', data: Buffer.from('harmless') }]), true],
      [eicarZip(), false],
    ] as const) {
      await using events = await stream(EVENTS, 'Connection: close\r\n');
      events.response.write(archive.subarray(0, 2));
      await events.client.until((bytes) => bytes.subarray(-4).equals(Buffer.from('PK\r\n')));
      events.response.end(archive.subarray(2));
      const received = await events.client.closed();
      const body = unchunked(received.subarray(received.indexOf('\r\n\r\n') + 4));
      expect(body.equals(isClean ? archive : archive.subarray(0, 2))).toBe(true);
      expect(await recordOf(events)).toMatchObject({ verdict: isClean ? 'allowed' : 'blocked' });
    }
  });

  describe('that is known by time', () => {
    const quietly = { streams: { quietAfter: '40ms' } };
    const TEXT = { 'Content-Type': 'application/json' };

    test('goes on as soon as it is', async () => {
      await using(quietly);
      await using poll = await stream(TEXT);
      poll.response.write('{"waiting":1}\n');
      await poll.client.until('{"waiting":1}\n');
      poll.response.write('{"waiting":2}\n');
      await poll.client.until('{"waiting":2}\n');
      await poll.client[Symbol.asyncDispose]();
      const record = await recordOf(poll);
      expect(record).toMatchObject({ stream: { shape: 'quiet' }, coverage: { state: 'clean' } });
      expect(record.adaptation.map(({ verdict }) => verdict)).not.toContain('error');
    });

    test('is scanned like any other', async () => {
      await using(quietly);
      await using poll = await stream(TEXT);
      poll.response.write('{}');
      await poll.client.until('{}');
      poll.response.write(MARKER);
      expect((await poll.client.closed()).includes(MARKER)).toBe(false);
      expect(await recordOf(poll)).toMatchObject({ verdict: 'blocked' });
    });

    test.each([
      ['a download', { ...TEXT, 'Content-Disposition': 'attachment' }, 'text'],
      ['another type', { 'Content-Type': 'application/octet-stream' }, 'text'],
      ['an archive by its first bytes', TEXT, zipOf([{ name: 'a', data: Buffer.from('b') }])],
      ['much', TEXT, 'x'.repeat(70_000)],
      ['one with a length', { ...TEXT, 'Content-Length': '100' }, 'text'],
    ])('is none when it is %s', async (_name, headers, first) => {
      await using(quietly);
      await using other = await stream(headers, 'Connection: close\r\n');
      other.response.write(first);
      await quiet();
      expect(other.client.received().length).toBe(0);
      const length = 'Content-Length' in headers ? 100 - first.length : 3;
      other.response.end('.'.repeat(length));
      expect((await other.client.closed()).toString('latin1')).toMatch(/^HTTP\/1\.1 200 /);
      expect(await recordOf(other)).not.toHaveProperty('stream');
    });

    test('never is without quietAfter', async () => {
      await using({ streams: { quietAfter: null } });
      await using poll = await stream(TEXT, 'Connection: close\r\n');
      poll.response.write('{}');
      await quiet();
      expect(poll.client.received().length).toBe(0);
      poll.response.end();
      await poll.client.closed();
    });
  });

  test('passes unseen with policy: bypass, and the log says so', async () => {
    await using({ streams: { policy: 'bypass' } });
    await using events = await stream(EVENTS);
    events.response.write(`data: ${eicar().toString()}\n\n`);
    await events.client.until('EICAR-STANDARD');
    await events.client[Symbol.asyncDispose]();
    const record = await recordOf(events);
    expect(record).toMatchObject({
      ...{ stream: { policy: 'bypass', windows: 0 }, verdict: 'allowed' },
      coverage: { state: 'not-scanned', reason: 'stream' },
    });
    expect(record.adaptation.map(({ method }) => method)).toEqual(['REQMOD']);
  });

  test.each([
    ['policy: block', { streams: { policy: 'block' } }],
    [
      'policy: bypass where notScanned.stream is to block',
      { streams: { policy: 'bypass' }, notScanned: { stream: 'block' } },
    ],
  ])('is refused with %s', async (_name, adaptation) => {
    await using(adaptation);
    await using events = await stream(EVENTS);
    const closed = once(events.response, 'close');
    expect((await events.client.until('ERR_ADAPT_NOT_SCANNED')).toString()).toMatch(/^HTTP\/1\.1 403 /);
    await closed;
    expect(await recordOf(events)).toMatchObject({
      ...{ verdict: 'blocked', coverage: { state: 'not-scanned', reason: 'stream' } },
    });
  });

  test('that a rule leaves out is not cut into windows', async () => {
    await using({
      rules: [
        { point: 'respmod', use: [], when: { types: ['text/event-stream'] } },
        { point: 'respmod', use: ['sandblast'] },
      ],
    });
    await using events = await stream(EVENTS);
    events.response.write(`data: ${eicar().toString()}\n\n`);
    await events.client.until('EICAR-STANDARD');
    await events.client[Symbol.asyncDispose]();
    const record = await recordOf(events);
    expect(record).not.toHaveProperty('stream');
    expect(record.adaptation.map(({ method }) => method)).toEqual([]);
  });
});

/** Long enough for whatever would come by itself. */
function quiet(): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), 100));
}

/** Data of chunks, as far as they are complete. */
function unchunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const end = bytes.indexOf('\r\n', at);
    const size = parseInt(bytes.toString('latin1', at, end), 16);
    if (end < 0 || !(size > 0)) return Buffer.concat(parts);
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}
