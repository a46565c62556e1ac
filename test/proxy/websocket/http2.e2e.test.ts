// WebSockets on HTTP/2 streams (RFC 8441), and what a real browser makes of inspected ones.

import type http2 from 'node:http2';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Browser, chromium } from 'playwright-core';
import { frameOf, TEXT } from '../../../src/proxy/websocket/frames.ts';
import { eicar } from '../../support/eicar.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { requirePeer } from '../../support/peers/requirePeer.ts';
import { type TempDir, tempDir } from '../../support/tempDir.ts';
import { trustInChromium } from '../../support/trustInChromium.ts';
import { type LocalWeir, startTestWeir } from '../../support/weir.ts';
import { http2Through } from '../http2/origins.ts';
import { webSocketOrigin, type WebSocketOrigin } from './ends.ts';

let weir: LocalWeir;
let origin: WebSocketOrigin;

beforeAll(async () => {
  weir = await startTestWeir();
  origin = await webSocketOrigin(true);
});
afterAll(async () => {
  await weir?.[Symbol.asyncDispose]();
  await origin?.[Symbol.asyncDispose]();
});

describe('an extended CONNECT', () => {
  let session: http2.ClientHttp2Session;
  beforeAll(async () => {
    session = await http2Through(weir, origin.port);
    await new Promise((resolve) => session.once('remoteSettings', resolve));
  });
  afterAll(() => session?.destroy());

  interface Opened {
    readonly stream: http2.ClientHttp2Stream;
    readonly status: number;
    readonly headers: http2.IncomingHttpHeaders;
  }

  async function open(path: string, fields: http2.OutgoingHttpHeaders = {}): Promise<Opened> {
    const stream = session.request(
      {
        ...{ ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'https', ':path': path },
        ...{ ':authority': `www.origin.test:${origin.port}`, 'sec-websocket-version': '13', ...fields },
      },
      { endStream: false },
    );
    stream.on('error', () => {});
    const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) =>
      stream.once('response', resolve),
    );
    return { stream, headers, status: Number(headers[':status']) };
  }
  const bytesOf = (stream: http2.ClientHttp2Stream): Promise<Buffer> =>
    new Promise((resolve) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
      stream.on('close', () => resolve(Buffer.concat(chunks)));
    });
  const text = (data: Buffer): Buffer =>
    Buffer.concat(frameOf(data, { opcode: TEXT, final: true, compressed: false, mask: true }));

  test('is offered, and opens a WebSocket on its stream whose messages are scanned', async () => {
    expect(session.remoteSettings.enableConnectProtocol).toBe(true);
    const { stream, status, headers } = await open('/h2-clean', { 'sec-websocket-protocol': 'chat' });
    expect([status, headers['sec-websocket-protocol'], headers['sec-websocket-accept']]).toEqual([
      ...[200, 'chat', undefined],
    ]);
    const received = bytesOf(stream);
    const { end } = await origin.accepted();
    stream.write(text(Buffer.from('from HTTP/2')));
    expect((await end.received(1))[0]!.data.toString()).toBe('from HTTP/2');
    end.socket.send('back');
    end.socket.close(1000, 'done');
    await new Promise((resolve) => stream.once('data', resolve));
    stream.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]));
    expect((await end.closed).code).toBe(1000);
    stream.end();
    expect((await received).toString('latin1')).toBe('\x81\x04back\x88\x06\x03\xe8done');
    const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith('/h2-clean'));
    expect(record).toMatchObject({ verdict: 'allowed', webSocket: { toOrigin: { scanned: 1 } } });
  });

  test('with malware gets a Close with 1008, and the other streams go on', async () => {
    const { stream, status } = await open('/h2-malware');
    expect(status).toBe(200);
    const received = bytesOf(stream);
    const { end } = await origin.accepted();
    stream.write(text(eicar()));
    expect((await end.closed).code).toBe(1008);
    stream.end();
    const bytes = await received;
    expect([bytes[0], bytes.readUInt16BE(2)]).toEqual([0x88, 1008]);
    const next = await open('/h2-next');
    expect(next.status).toBe(200);
    next.stream.close();
    await (
      await origin.accepted()
    ).end.closed;
  });

  test('that the origin does not switch for is no success', async () => {
    const { stream, status } = await open('/h2-other', { 'sec-websocket-version': '7' });
    expect(status).toBeGreaterThanOrEqual(400);
    stream.close();
  });
});

describeWithPeer('chromium', () => {
  let home: TempDir;
  let browser: Browser;

  beforeAll(async () => {
    home = await tempDir('weir-chromium-');
    browser = await chromium.launch({
      executablePath: requirePeer('chromium'),
      proxy: { server: `http://127.0.0.1:${weir.proxyPort}` },
      args: ['--no-sandbox', '--disable-dev-shm-usage', ...(await trustInChromium(weir, home))],
      env: { ...process.env, HOME: home.path },
    });
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await home?.[Symbol.asyncDispose]();
  });

  test('exchanges messages over wss, compressed, and learns why a message was blocked', async () => {
    const page = await browser.newPage();
    const url = `wss://www.origin.test:${origin.port}/browser`;
    const opened = page.evaluate(async (address) => {
      const socket = new WebSocket(address);
      const events: string[] = [];
      Object.assign(globalThis, { socket, events });
      socket.onmessage = ({ data }) => events.push(String(data));
      socket.onclose = ({ code, reason, wasClean }) => events.push(`${code} ${wasClean} ${reason}`);
      await new Promise((resolve) => (socket.onopen = resolve));
      return socket.extensions;
    }, url);
    const { end } = await origin.accepted();
    expect(await opened).toMatch(/^permessage-deflate/);
    await page.evaluate("socket.send('from the browser'.repeat(200))");
    expect((await end.received(1))[0]!.data.toString()).toBe('from the browser'.repeat(200));
    end.socket.send('to the browser'.repeat(200));
    await page.waitForFunction('events.length === 1');
    await page.evaluate(
      (bytes) => {
        (globalThis as unknown as { socket: WebSocket }).socket.send(new Uint8Array(bytes));
      },
      [...eicar()],
    );
    await page.waitForFunction('events.length === 2');
    const events = await page.evaluate<string[]>('events');
    expect(events[0]).toBe('to the browser'.repeat(200));
    expect(events[1]).toMatch(/^1008 true blocked: .*eicar/i);
    expect((await end.closed).code).toBe(1008);
    await page.close();
  });
});
