// Logins that hold for a connection (NTLM, Negotiate: RFC 4559 §5), through the proxy: they work, and nobody
// but the client who logged in ever acts in that user's name. The client is curl's own NTLM.

import { once } from 'node:events';
import { constants } from 'node:http2';
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { OriginServer } from '../../support/originServer.ts';
import { originServer } from '../../support/originServer.ts';
import { http2Through } from '../http2/origins.ts';
import { startTestWeir } from '../../support/weir.ts';
import type { LocalWeir } from '../../support/weir.ts';

/** An NTLM server's challenge ([MS-NLMP] 2.2.1.2): Unicode, NTLM, eight bytes to answer to. */
function challenge(): string {
  const message = Buffer.alloc(48);
  message.write('NTLMSSP\0', 'latin1');
  message.writeUInt32LE(2, 8);
  message.writeUInt32LE(48, 16); // an empty target name, behind everything
  message.writeUInt32LE(0x201, 20);
  message.write('weirtest', 24, 'latin1');
  message.writeUInt32LE(48, 44);
  return message.toString('base64');
}

interface Login {
  readonly seen: { readonly request: IncomingMessage; readonly connection: Socket }[];
  readonly origin: OriginServer;
}

/** Asks for NTLM, and lets in whoever goes through it on one connection; later requests there need nothing. */
async function ntlmOrigin(secure: boolean): Promise<Login> {
  const states = new WeakMap<Socket, 'asked' | 'in'>();
  const seen: Login['seen'] = [];
  const origin = await originServer(
    (request, response) => {
      const { socket: connection } = request;
      seen.push({ request, connection });
      const type = Buffer.from(request.headers.authorization?.slice(5) ?? '', 'base64')[8];
      if (type === 3 && states.get(connection) === 'asked') states.set(connection, 'in');
      if (states.get(connection) === 'in') return void response.end('welcome');
      if (type === 1) states.set(connection, 'asked');
      const ask = type === 1 ? `NTLM ${challenge()}` : 'NTLM';
      response.writeHead(401, { 'WWW-Authenticate': ask, 'Content-Length': 2 }).end('no');
    },
    { tls: secure },
  );
  return { seen, origin };
}

let weir: LocalWeir;

beforeAll(async () => {
  weir = await startTestWeir();
});
afterAll(async () => {
  await weir[Symbol.asyncDispose]();
});

const AS_ALICE = ['--ntlm', '--user', 'alice:secret', '--http1.1'];

describe('a login that holds for the connection', () => {
  test.each([
    ['http', false],
    ['https', true],
  ])('works through the proxy with %s, on one connection of its own', async (_name, secure) => {
    const { origin, seen } = await ntlmOrigin(secure);
    await using _closed = origin;
    const answer = await weir.curl(...AS_ALICE, `${origin.url}/a`, `${origin.url}/b`);
    expect([answer.status, String(answer.body)]).toEqual([200, 'welcomewelcome']);
    const hers = last(seen, '/a').connection;
    expect(last(seen, '/b').connection).toBe(hers);
    const stranger = await weir.curl(`${origin.url}/c`);
    expect(stranger.status).toBe(401);
    expect(last(seen, '/c').connection).not.toBe(hers);
  });

  test('makes a client of HTTP/2 come by HTTP/1.1, as its requests share a connection', async () => {
    const { origin, seen } = await ntlmOrigin(true);
    await using _closed = origin;
    const session = await http2Through(weir, origin.port);
    const stream = session.request({ ':path': '/h2' });
    stream.resume().on('error', () => {});
    await new Promise((resolve) => stream.once('close', resolve));
    session.destroy();
    expect(stream.rstCode).toBe(constants.NGHTTP2_HTTP_1_1_REQUIRED);
    const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && String(url).endsWith('/h2'));
    expect(record).toMatchObject({ error: { code: 'ERR_HTTP2_LOGIN' } });
    const again = await weir.curl('--http2', `${origin.url}/curl`); // does as it is told
    expect([again.status, again.headers.includes('HTTP/1.1 401')]).toEqual([401, true]);
    expect(seen.filter(({ request }) => request.url === '/curl')).toHaveLength(2);
  });

  test('holds for the further requests of that client connection, and ends with it', async () => {
    const { origin, seen } = await ntlmOrigin(false);
    await using _closed = origin;
    const [alice, bob] = [oneConnection(), oneConnection()];
    const ask = async (agent: Agent, path: string, authorization?: string) => {
      const headers = {
        host: `127.0.0.1:${origin.port}`,
        ...(authorization === undefined ? {} : { authorization }),
      };
      const options = { port: weir.proxyPort, path: `${origin.url}${path}`, headers, agent };
      const [response] = (await once(request(options).end(), 'response')) as [IncomingMessage];
      await once(response.resume(), 'end');
      return response.statusCode;
    };
    const ntlm = (type: number): string => {
      const message = Buffer.alloc(12);
      message.write('NTLMSSP\0', 'latin1');
      message[8] = type;
      return `NTLM ${message.toString('base64')}`;
    };
    expect(await ask(alice, '/1', ntlm(1))).toBe(401);
    expect(await ask(bob, '/bob')).toBe(401); // between the legs of alice's login
    expect(await ask(alice, '/2', ntlm(3))).toBe(200);
    expect(await ask(alice, '/3')).toBe(200);
    expect(await ask(bob, '/bob-again')).toBe(401);
    const hers = last(seen, '/1').connection;
    expect(['/2', '/3'].map((path) => last(seen, path).connection)).toEqual([hers, hers]);
    expect(['/bob', '/bob-again'].map((path) => last(seen, path).connection)).not.toContain(hers);
    const closed = once(hers, 'close');
    alice.destroy();
    await closed;
    bob.destroy();
  });
});

const oneConnection = (): Agent => new Agent({ keepAlive: true, maxSockets: 1 });

/** The last request for a path that came, with its connection. */
function last(seen: Login['seen'], path: string): Login['seen'][number] {
  return seen.filter(({ request }) => request.url === path).at(-1)!;
}
