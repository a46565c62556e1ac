// Messages of WebSockets through a whole proxy: ws at both ends, our own gateway in-process and over TCP.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eicar, eicarZip } from '../../support/eicar.ts';
import { type LocalWeir, type LogRecord, startTestWeir } from '../../support/weir.ts';
import { connectPair, type Pair, type Way, webSocketOrigin, type WebSocketOrigin } from './ends.ts';

const WAYS = {
  'in-process': () => ({}),
  'over TCP': (port: number) => ({
    services: { sandblast: { url: `icap://127.0.0.1:${port}/sandblast`, inProcess: false } },
  }),
};
/** Messages each way. */
const MANY = { 'in-process': 5000, 'over TCP': 250 };
const LARGE = { 'in-process': 16, 'over TCP': 2 }; // MiB
const MiB = 1024 * 1024;

describe.each(['in-process', 'over TCP'] as const)('a WebSocket, scanned %s', (way) => {
  let weir: LocalWeir;
  let plain: WebSocketOrigin;
  let secure: WebSocketOrigin;

  beforeAll(async () => {
    [plain, secure] = [await webSocketOrigin(false), await webSocketOrigin(true)];
    weir = await startTestWeir((port) => ({ adaptation: WAYS[way](port) }));
  });
  afterAll(async () => {
    await weir?.[Symbol.asyncDispose]();
    await plain?.[Symbol.asyncDispose]();
    await secure?.[Symbol.asyncDispose]();
  });

  const connect = (route: Way, options = {}): Promise<Pair> =>
    connectPair(weir, route === true ? secure : plain, route, options);
  const recordOf = async ({ path }: Pair): Promise<LogRecord> =>
    (
      await weir.logged(({ kind, url, method }) => kind === 'proxy' && url.endsWith(path) && method === 'GET')
    )[0]!;
  const blockOf = async ({ path }: Pair): Promise<LogRecord> =>
    (
      await weir.logged(({ kind, url, method }) => kind === 'proxy' && url.endsWith(path) && method === 'WS')
    )[0]!;

  test.each([
    ['in the clear', false],
    ['in the clear behind CONNECT', 'tunnel'],
    ['decrypted', true],
  ] as const)('%s carries text and binary messages both ways, and its Close', async (_name, route) => {
    const pair = await connect(route);
    const { client, origin } = pair;
    client.socket.send('hello, origin');
    client.socket.send(Buffer.from([0, 1, 2, 255]));
    expect(await origin.received(2)).toEqual([
      { data: Buffer.from('hello, origin'), binary: false },
      { data: Buffer.from([0, 1, 2, 255]), binary: true },
    ]);
    origin.socket.send('hello, client');
    origin.socket.send('');
    expect(await client.received(2)).toEqual([
      { data: Buffer.from('hello, client'), binary: false },
      { data: Buffer.alloc(0), binary: false },
    ]);
    client.socket.close(4001, 'enough');
    expect(await origin.closed).toEqual({ code: 4001, reason: 'enough' });
    expect(await client.closed).toEqual({ code: 4001, reason: 'enough' });
    expect(await recordOf(pair)).toMatchObject({
      ...{ status: 101, verdict: 'allowed', coverage: { state: 'clean' }, bytesIn: 17, bytesOut: 13 },
      webSocket: {
        toOrigin: { messages: 2, bytes: 17, scanned: 2, blocked: 0 },
        toClient: { messages: 2, bytes: 13, scanned: 1, blocked: 0 },
        close: { by: 'client', code: 4001 },
      },
    });
  });

  test('closes with the origin’s code and reason when the origin closes', async () => {
    const { client, origin } = await connect(true);
    origin.socket.close(1001, 'going away');
    expect(await client.closed).toEqual({ code: 1001, reason: 'going away' });
    expect((await origin.closed).code).toBe(1001);
  });

  test('keeps a Close without a code', async () => {
    const { client, origin } = await connect(false);
    client.socket.close();
    expect((await origin.closed).code).toBe(1005);
    expect((await client.closed).code).toBe(1005);
  });

  test('relays pings and pongs', async () => {
    const { client, origin } = await connect(true);
    const ping = new Promise((resolve) => origin.socket.once('ping', resolve));
    const pong = new Promise((resolve) => client.socket.once('pong', resolve));
    client.socket.ping('are you there');
    expect(String(await ping)).toBe('are you there');
    expect(String(await pong)).toBe('are you there');
    client.socket.terminate();
  });

  const halves = (data: Buffer): Buffer[] => [data.subarray(0, 30), data.subarray(30)];
  test.each([
    ['a text message', { perMessageDeflate: false }, false, [eicar()]],
    ['a binary message', { perMessageDeflate: false }, true, [eicar()]],
    ['a message in fragments', { perMessageDeflate: false }, false, halves(eicar())],
    ['a compressed message', { perMessageDeflate: { threshold: 0 } }, false, [eicar()]],
    ['compressed fragments', { perMessageDeflate: { threshold: 0 } }, true, halves(eicar())],
    ['an archive in a message', {}, true, [eicarZip()]],
  ])(
    'with malware in %s is closed with 1008 before the origin sees it',
    async (_name, options, binary, parts) => {
      const pair = await connect(true, options);
      const { client, origin } = pair;
      client.socket.send('first');
      parts.forEach((part, index) => {
        client.socket.send(part, { binary, compress: true, fin: index === parts.length - 1 });
      });
      client.socket.send('last');
      const { code, reason } = await client.closed;
      expect(code).toBe(1008);
      expect(reason).toMatch(/^blocked: .*eicar/i);
      expect(await origin.closed).toEqual({ code, reason });
      expect(origin.messages.map(({ data }) => data.toString())).toEqual(['first']);
      const block = await blockOf(pair);
      expect(block).toMatchObject({
        ...{ verdict: 'blocked', status: 1008, coverage: { state: 'blocked' } },
        webSocketMessage: { direction: 'outgoing', opcode: binary ? 'binary' : 'text', message: 2 },
      });
      expect(block.incident).toMatch(/./);
      expect(block.threat!.name).toMatch(/eicar/i);
      const record = await recordOf(pair);
      expect(record).toMatchObject({
        ...{ verdict: 'blocked', coverage: { state: 'blocked' }, error: { code: 'ERR_ADAPT_BLOCKED' } },
        webSocket: { toOrigin: { messages: 1, scanned: 2, blocked: 1 }, close: { by: 'weir', code: 1008 } },
      });
      expect(block['webSocketMessage']).toMatchObject({ connection: record.id });
    },
  );

  test('with malware from the origin is closed before the client sees it', async () => {
    const pair = await connect(true);
    const { client, origin } = pair;
    origin.socket.send('first');
    origin.socket.send(eicar());
    expect((await client.closed).code).toBe(1008);
    expect((await origin.closed).reason).toMatch(/^blocked: /);
    expect(client.messages.map(({ data }) => data.toString())).toEqual(['first']);
    expect(await blockOf(pair)).toMatchObject({ webSocketMessage: { direction: 'incoming', message: 2 } });
  });

  test(`carries a message of ${LARGE[way]} MiB whole`, async () => {
    const { client, origin } = await connect(true, { perMessageDeflate: false });
    const large = Buffer.alloc(LARGE[way] * MiB);
    for (let at = 0; at < large.length; at += 4) large.writeUInt32LE((at * 2654435761) >>> 0, at);
    client.socket.send(large);
    const [message] = await origin.received(1);
    expect(message!.data.equals(large)).toBe(true);
    client.socket.terminate();
  });

  test('carries large compressed messages whole, the second in the context of the first', async () => {
    const { client, origin } = await connect(true);
    const text = Array.from({ length: 60_000 }, (_, line) => `line ${line % 997} of it`).join('\n');
    origin.socket.send(text);
    origin.socket.send(text);
    const messages = await client.received(2);
    expect(messages.every(({ data }) => data.toString() === text)).toBe(true);
    client.socket.terminate();
  });

  test('carries many small messages each way in their order', async () => {
    const { client, origin } = await connect(true, { perMessageDeflate: false });
    for (let number = 0; number < MANY[way]; number++) {
      client.socket.send(`out ${number}`);
      origin.socket.send(`back ${number}`);
    }
    const [out, back] = await Promise.all([origin.received(MANY[way]), client.received(MANY[way])]);
    expect(out.findIndex(({ data }, number) => data.toString() !== `out ${number}`)).toBe(-1);
    expect(back.findIndex(({ data }, number) => data.toString() !== `back ${number}`)).toBe(-1);
    client.socket.terminate();
  });
});
