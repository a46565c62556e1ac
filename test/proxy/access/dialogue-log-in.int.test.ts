// Log-ins of several legs: by a plugin's authenticator, and by a program in Squid's line protocol.

import { Agent, request, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { originServer, type OriginServer } from '../../support/originServer.ts';
import { tempDir, type TempDir } from '../../support/tempDir.ts';
import { startTestWeir, type LocalWeir } from '../../support/weir.ts';

/** Two legs: `hello`, then the challenge with `!` behind it. */
const PLUGIN = `export default { [Symbol.for('weir.plugin')]: 1, name: 'legs', version: '1', setup(ctx) {
  ctx.authenticator({ scheme: 'Legs', timeoutMs: 200, begin() {
    let challenge = null;
    return { step(token) {
      if (token === 'throws') throw new Error('on purpose');
      if (token === 'hangs') return new Promise(() => {});
      if (challenge === null && token === 'hello') {
        challenge = 'c' + Math.round(Math.random() * 1e9);
        return { kind: 'challenge', token: challenge };
      }
      return token === challenge + '.' ? { kind: 'identity', identity: { user: 'alice' } } : { kind: 'refused' };
    } };
  } });
} };`;

/** In the protocol of Squid's Negotiate helpers. */
const HELPER = `require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const said = { 'YR Zmlyc3Q=': 'TT bmV4dA==', 'KK bGFzdA==': 'AF ZG9uZQ== bob%40REALM.TEST' }[line];
  console.log(said ?? 'NA = wrong');
});`;

let folder: TempDir;
let origin: OriginServer;
let weir: LocalWeir;
const agents: Agent[] = [];

beforeAll(async () => {
  folder = await tempDir();
  origin = await originServer((_request, response) => response.end('fine'));
  const helper = await folder.write('helper.cjs', HELPER);
  weir = await startTestWeir({
    plugins: [await folder.write('legs.mjs', PLUGIN)],
    proxy: { auth: { plugin: 'Legs', negotiate: { command: [process.execPath, helper], children: 1 } } },
  });
});

afterAll(async () => {
  for (const agent of agents) agent.destroy();
  await weir[Symbol.asyncDispose]();
  for (const each of [origin, folder]) await each[Symbol.asyncDispose]();
});

/** A client with one connection. */
function client(): (credentials?: string) => Promise<[number | undefined, string[]]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agents.push(agent);
  return async (credentials) => {
    const headers = {
      Host: `origin.test:${origin.port}`,
      ...(credentials === undefined ? {} : { 'Proxy-Authorization': credentials }),
    };
    const path = `http://origin.test:${origin.port}/`;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ agent, host: '127.0.0.1', port: weir.proxyPort, path, headers }, resolve)
        .on('error', reject)
        .end();
    });
    for await (const piece of response) void piece;
    const { rawHeaders } = response;
    const offers = rawHeaders.filter((_, i) => rawHeaders[i - 1]?.toLowerCase() === 'proxy-authenticate');
    return [response.statusCode, offers];
  };
}

test('RFC 4559 a log-in of two legs by a plugin holds for its connection, and for no other', async () => {
  const ask = client();
  expect(await ask()).toEqual([407, ['Negotiate', 'Legs']]);
  const [status, [challenge = '']] = await ask('Legs hello');
  expect([status, challenge]).toEqual([407, expect.stringMatching(/^Legs c\d+$/)]);
  expect((await ask(`${challenge}.`))[0]).toBe(200);
  expect((await ask())[0]).toBe(200);
  expect((await client()())[0]).toBe(407);
  expect((await client()(`${challenge}.`))[0]).toBe(407); // a leg of another connection's dialogue
  const records = await weir.logged((record) => record['user'] === 'alice', 2);
  expect(records.length).toBeGreaterThanOrEqual(2);
});

test('a leg that fails or hangs says that nobody can be judged now, and the next dialogue begins anew', async () => {
  const ask = client();
  expect((await ask('Legs throws'))[0]).toBe(503);
  expect((await ask('Legs hangs'))[0]).toBe(503);
  const [, [challenge = '']] = await ask('Legs hello');
  expect((await ask(`${challenge}.`))[0]).toBe(200);
  expect((await ask('Legs wrong'))[0]).toBe(407);
  expect((await ask())[0]).toBe(407); // who logs in anew is not who was logged in
});

test('a program that speaks as Squid’s Negotiate helpers do names the user, one dialogue a copy', async () => {
  const ask = client();
  expect(await ask('Negotiate Zmlyc3Q=')).toEqual([407, ['Negotiate bmV4dA==']]);
  expect((await client()('Negotiate Zmlyc3Q='))[0]).toBe(503); // its only copy is taken
  expect((await ask('Negotiate bGFzdA=='))[0]).toBe(200);
  expect((await ask())[0]).toBe(200);
  const [record] = await weir.logged((each) => each['user'] === 'bob@REALM.TEST', 1);
  expect(record).toMatchObject({ user: 'bob@REALM.TEST' });
  expect((await client()('Negotiate d3Jvbmc='))[0]).toBe(407);
  const [refused] = await weir.logged(
    ({ error }) => error?.message.startsWith('the log-in by Negotiate was refused') === true,
  );
  expect(refused!.error).toEqual({
    code: 'ERR_PROXY_AUTH',
    message: 'the log-in by Negotiate was refused: = wrong',
  });
});

test('a scheme that no plugin brings is refused at a reload, and what was in force stays', async () => {
  await expect(
    weir.reload({ proxy: { auth: { plugin: 'Other' } }, plugins: [folder.join('legs.mjs')] }),
  ).rejects.toMatchObject({
    code: 'ERR_CONFIG_VALUE',
    message: expect.stringContaining('there are: Legs'),
  });
  expect((await client()())[0]).toBe(407);
});
