import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { cIcapClient } from '../support/peers/c-icap-client.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { originServer, type OriginServer } from '../support/originServer.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';
import { startTestWeir, type LocalWeir } from '../support/weir.ts';
import { connectPair, webSocketOrigin } from '../proxy/websocket/ends.ts';

const SOURCE = `
const block = { kind: 'block', threat: 'Rule', severity: 'high', reason: 'not here' };
const plus = (headers, name, value) => ({ kind: 'modify', headers: [...headers, name, value] });
export default { [Symbol.for('weir.plugin')]: 1, name: 'hooked', version: '1', setup(ctx) {
  ctx.proxyHook({
    timeoutMs: 200,
    onConnect: ({ host }) => (host === 'refused.origin.test' ? block : undefined),
    onRequest({ url, headers }) {
      if (url.endsWith('/blocked')) return block;
      if (url.endsWith('/throws')) throw new Error('on purpose');
      if (url.endsWith('/hangs')) return new Promise(() => {});
      if (url.endsWith('/body')) return { kind: 'modify', body: Buffer.from('x') };
      return plus(headers, 'X-Asked', 'yes');
    },
    onResponse: ({ url, headers }) => (url.endsWith('/secret') ? block : plus(headers, 'X-Answered', 'yes')),
    onWebSocketMessage({ data, direction }) {
      if (String(data) === 'bad') return block;
      if (direction === 'outgoing') return { kind: 'modify', body: Buffer.from(data + '!') };
    },
  });
  ctx.service({ path: '/own',
    respmod: (message) => (message.url.endsWith('/blocked') ? block : { kind: 'allow' }) });
  ctx.panel({ id: 'p', title: 'P', data: () => ({ parts: [{ kind: 'text', text: 'hello' }] }) });
} };`;

let dir: TempDir;
let weir: LocalWeir;
let origin: OriginServer;
let secure: OriginServer;

beforeAll(async () => {
  dir = await tempDir();
  const plugin = await dir.write('hooked.mjs', SOURCE);
  const handler: Parameters<typeof originServer>[0] = (request, response) =>
    response.end(`body ${String(request.headers['x-asked'])}`);
  [origin, secure] = [await originServer(handler), await originServer(handler, { tls: true })];
  weir = await startTestWeir({ plugins: [plugin] });
});

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  for (const each of [origin, secure, dir]) await each[Symbol.asyncDispose]();
});

const get = (path: string) => weir.curl(`http://origin.test:${origin.port}${path}`);

describe('hooks of a plugin', () => {
  test('change the header of requests and responses, in the clear and decrypted', async () => {
    for (const url of [`http://origin.test:${origin.port}/`, `https://origin.test:${secure.port}/`]) {
      const answer = await weir.curl(url);
      expect(answer.header('x-answered')).toBe('yes');
      expect(String(answer.body)).toBe('body yes');
    }
  });

  test.each([
    ['/blocked', 403],
    ['/secret', 403],
    ['/throws', 502],
    ['/hangs', 502],
    ['/body', 502],
  ])('%s is answered with %i, and nothing of the origin', async (path, status) => {
    const answer = await get(path);
    expect(answer.status).toBe(status);
    expect(String(answer.body)).not.toContain('body yes');
  });

  test('failing close name the plugin in the log', async () => {
    const [record] = await weir.logged(({ url }) => url?.endsWith('/throws'));
    expect(record!.error).toEqual({
      code: 'ERR_PLUGIN_HOOK',
      message: 'onRequest of plugin hooked failed: on purpose',
    });
  });

  test('refuse tunnels', async () => {
    const before = secure.requests.length;
    const { exitCode } = await weir.curl(`https://refused.origin.test:${secure.port}/`);
    expect(exitCode).not.toBe(0);
    expect(secure.requests.length).toBe(before);
  });

  test('let no part of an object past a hook on responses', async () => {
    const { status } = await weir.curl('-r', '0-1', `http://origin.test:${origin.port}/secret`);
    expect(status).toBe(403);
  });

  test('change messages of WebSockets, and end the connection for those that are blocked', async () => {
    await using peer = await webSocketOrigin(true);
    const { client, origin: end } = await connectPair(weir, peer, true);
    client.socket.send('good');
    expect(String((await end.received(1))[0]!.data)).toBe('good!');
    client.socket.send('bad');
    expect((await client.closed).code).toBe(1008);
    expect(end.messages.length).toBe(1);
  });
});

test('a service of a plugin is one of the gateway, and may not have the path of another', async () => {
  expect(weir.weir.services).toContain('/own');
  const clash = await dir.write('clash.mjs', SOURCE.replace('/own', '/echo'));
  await expect(weir.reload({ plugins: [clash] })).rejects.toMatchObject({
    code: 'ERR_PLUGIN_LOAD',
    message: expect.stringContaining('/echo has the path'),
  });
});

describeWithPeer('c-icap-client', () => {
  test('a foreign client reaches a service of a plugin over TCP: OPTIONS, a message that passes, one that is blocked', async () => {
    await using clients = await tempDir();
    const file = await clients.write('body.txt', 'plain');
    const url = `icap://127.0.0.1:${weir.gatewayPort}/own`;
    const ask = async (...args: string[]) => (await cIcapClient(url, ['-v', ...args])).stderr;
    expect(await ask()).toMatch(
      /Methods: RESPMOD[\s\S]*Service: hooked 1|Service: hooked 1[\s\S]*Methods: RESPMOD/,
    );
    const out = clients.join('out');
    expect(await ask('-f', file, '-o', out, '-resp', 'http://a.test/fine')).toContain('ICAP/1.0 204');
    const blocked = await ask('-f', file, '-o', out, '-resp', 'http://a.test/blocked');
    expect(blocked).toMatch(/ICAP\/1\.0 200[\s\S]*HTTP\/1\.1 403/);
  });
});
