// Section G of the conformance page as a whole Weir keeps it, over real sockets: where the gateway listens and
// who reaches it, its services and statuses, and what a verdict depends on.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.ts';
import { eicar, zipOf } from '../support/eicar.ts';
import { originServer, type OriginServer } from '../support/originServer.ts';
import { rawClient, rawExchange } from '../support/rawClient.ts';
import { freePort } from '../support/supervised.ts';
import { tempDir } from '../support/tempDir.ts';
import { startTestWeir, type LocalWeir } from '../support/weir.ts';

const GET = 'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n';
const ALLOW = 'Allow: 204\r\n';

let weir: LocalWeir;
let origin: OriginServer;
let second: number;

beforeAll(async () => {
  second = await freePort();
  origin = await originServer(
    (request, response) => void response.end(request.url!.includes('evil') ? eicar() : 'harmless'),
    { tls: true },
  );
  weir = await startTestWeir((first) => ({
    gateway: {
      listen: [`127.0.0.1:${first}`, `127.0.0.1:${second}`],
      services: { sandblast: {}, downloads: { methods: ['RESPMOD'] } },
    },
  }));
});

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

const options = (service: string): string => `OPTIONS icap://h/${service} ICAP/1.0\r\nHost: h\r\n\r\n`;

function reqmod(service: string, fields = ALLOW): string {
  return `REQMOD icap://h/${service} ICAP/1.0\r\nHost: h\r\n${fields}Encapsulated: req-hdr=0, null-body=${GET.length}\r\n\r\n${GET}`;
}

/** A RESPMOD request for an answer to `head`, with the whole body in one chunk. */
function respmod(head: string, body: Buffer, service = 'sandblast'): Buffer {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n';
  const parts = `req-hdr=0, res-hdr=${head.length}, res-body=${head.length + answer.length}`;
  const icap = `RESPMOD icap://h/${service} ICAP/1.0\r\nHost: h\r\n${ALLOW}Encapsulated: ${parts}\r\n\r\n`;
  return Buffer.concat([
    Buffer.from(`${icap}${head}${answer}${body.length.toString(16)}\r\n`),
    body,
    Buffer.from('\r\n0\r\n\r\n'),
  ]);
}

/** Sends it on a connection of its own; resolves with the ICAP header of the answer. */
async function ask(bytes: string | Buffer, port = weir.gatewayPort): Promise<string> {
  await using client = await rawClient(port);
  client.send(bytes);
  return (await client.take('\r\n\r\n')).toString('latin1');
}

const statusOf = (answer: string): number => Number(/^ICAP\/1\.0 (\d{3}) /.exec(answer)?.[1]);

async function judged(head: string, body: Buffer): Promise<'blocked' | 'allowed'> {
  const answer = await ask(respmod(head, body));
  if (statusOf(answer) === 204) return 'allowed';
  expect(answer).toContain('X-Infection-Found: ');
  return 'blocked';
}

describe('where it is', () => {
  test('G-01 the port is 1344 unless another is configured, and several listeners serve alike', async () => {
    await using folder = await tempDir();
    const { config } = await loadConfig({ path: await folder.write('weir.yaml', '{}') });
    expect(config.gateway.listen).toMatchObject([{ host: '127.0.0.1', port: 1344 }]);
    const answers = await Promise.all(
      [weir.gatewayPort, second].map((port) => ask(options('sandblast'), port)),
    );
    expect(answers.map(statusOf)).toEqual([200, 200]);
  });

  test('G-02 /sandblast answers OPTIONS, RESPMOD and REQMOD, another service only what it is for', async () => {
    const answer = await ask(options('sandblast'));
    expect(answer).toMatch(/^Methods: (?=.*RESPMOD)(?=.*REQMOD)/m);
    expect(statusOf(await ask(reqmod('sandblast')))).toBe(204);
    expect(statusOf(await ask(respmod(GET, Buffer.from('harmless'))))).toBe(204);
    expect(await ask(options('downloads'))).toMatch(/^Methods: RESPMOD\r$/m);
    expect(statusOf(await ask(reqmod('downloads')))).toBe(405);
    expect(statusOf(await ask(respmod(GET, Buffer.from('harmless'), 'downloads')))).toBe(204);
    expect(statusOf(await ask(options('elsewhere')))).toBe(404);
  });

  test('G-23 only the addresses that are configured accept; a Weir without gateway opens no port', async () => {
    const refused = async (host: string, port: number): Promise<unknown> => {
      const socket = connect({ host, port });
      const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
      return error.code;
    };
    expect(await refused('127.0.0.2', weir.gatewayPort)).toBe('ECONNREFUSED');
    await using other = await startTestWeir();
    const port = other.gatewayPort;
    expect(statusOf(await ask(options('sandblast'), port))).toBe(200);
    await other.stop();
    expect(await refused('127.0.0.1', port)).toBe('ECONNREFUSED');
  });
});

describe('what it answers', () => {
  test.each([
    ['G-05 100 and then the verdict', `Preview: 0\r\n${ALLOW}`, '0\r\n\r\n', 100],
    ['G-05 204 at a preview that was all', `Preview: 4\r\n${ALLOW}`, '4\r\nfine\r\n0; ieof\r\n\r\n', 204],
  ])('%s', async (_, fields, body, status) => {
    const head = 'HTTP/1.1 200 OK\r\n\r\n';
    const icap = `RESPMOD icap://h/sandblast ICAP/1.0\r\nHost: h\r\n${fields}Encapsulated: res-hdr=0, res-body=${head.length}\r\n\r\n`;
    await using client = await rawClient(weir.gatewayPort);
    client.send(icap, head, body);
    expect(statusOf((await client.take('\r\n\r\n')).toString())).toBe(status);
    if (status !== 100) return;
    client.send('4\r\nfine\r\n0\r\n\r\n');
    expect(statusOf((await client.take('\r\n\r\n')).toString())).toBe(204);
  });

  test.each<[string, string | Buffer, number]>([
    ['200 where no 204 is allowed', reqmod('echo', ''), 200],
    ['400 to a broken header', options('sandblast').replace('Host:', 'Host :'), 400],
    ['404 to an unknown service', reqmod('nowhere'), 404],
    ['405 to a method that the service has not', reqmod('downloads'), 405],
    [
      '418 to a message without what the service needs',
      'RESPMOD icap://h/sandblast ICAP/1.0\r\nHost: h\r\nEncapsulated: res-body=0\r\n\r\n0\r\n\r\n',
      418,
    ],
    ['501 to an unknown method', options('sandblast').replace('OPTIONS', 'LOGMOD'), 501],
    ['505 to another version', options('sandblast').replace('ICAP/1.0', 'ICAP/2.0'), 505],
  ])('G-05 %s', async (_, bytes, status) => {
    expect(statusOf(await ask(bytes))).toBe(status);
  });
});

describe('what a verdict depends on', () => {
  test('G-09 content alone decides, unpacked: neither its name nor an earlier verdict on its URL', async () => {
    const zip = zipOf([{ name: 'inner/report.txt', data: eicar() }]);
    expect(await judged(GET, eicar())).toBe('blocked');
    expect(await judged(GET, Buffer.from('harmless'))).toBe('allowed');
    expect(await judged(GET, zip)).toBe('blocked');
    const named = 'GET http://malware.test/eicar.com HTTP/1.1\r\nHost: malware.test\r\n\r\n';
    expect(await judged(named, Buffer.from('harmless'))).toBe('allowed');
  });

  test('G-24 HTTPS: it gets plain messages whose target says https, and judges them as any other', async () => {
    const { status } = await weir.curl(`${origin.url}/evil`);
    expect(status).toBe(403);
    await weir.logged(({ kind, url }) => kind === 'gateway' && url === `${origin.url}/evil`);
    for (const target of ['https://shop.test/evil', '/evil']) {
      const head = `GET ${target} HTTP/1.1\r\nHost: shop.test\r\n\r\n`;
      expect(await judged(head, eicar())).toBe('blocked');
      expect(await judged(head, Buffer.from('harmless'))).toBe('allowed');
    }
    await weir.logged(({ url }) => url === 'https://shop.test/evil', 2);
  });
});

describe('clusters', () => {
  test('G-25 a failover cuts the connections to the virtual address, and the next message opens new ones', async () => {
    const sockets = new Set<Socket>();
    let member = weir.gatewayPort;
    const address = createServer((client) => {
      const behind = connect(member, '127.0.0.1');
      for (const socket of [client, behind]) {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => sockets.delete(socket));
      }
      client.pipe(behind).pipe(client);
    }).listen(0, '127.0.0.1');
    await once(address, 'listening');
    const url = `icap://127.0.0.1:${(address.address() as AddressInfo).port}/sandblast`;
    await using proxy = await startTestWeir({
      adaptation: { services: { cluster: { url } }, rules: [{ point: 'respmod', use: ['cluster'] }] },
    });
    try {
      expect((await proxy.curl(`${origin.url}/fine`)).body.toString()).toBe('harmless');
      const lost = [...sockets].map((socket) => once(socket, 'close'));
      expect(lost.length).toBeGreaterThan(0);
      member = second;
      for (const socket of sockets) socket.destroy();
      await Promise.all(lost);
      expect((await proxy.curl(`${origin.url}/fine-again`)).body.toString()).toBe('harmless');
      expect((await proxy.curl(`${origin.url}/evil-again`)).status).toBe(403);
    } finally {
      for (const socket of sockets) socket.destroy();
      address.close();
    }
  });

  test('G-26 there are no virtual systems: a configuration that asks for them is refused by its key', async () => {
    await using folder = await tempDir();
    const path = await folder.write('weir.yaml', 'gateway: { virtualSystems: [one, two] }\n');
    await expect(loadConfig({ path })).rejects.toMatchObject({
      problems: [{ code: 'ERR_CONFIG_UNKNOWN_KEY', path: 'gateway.virtualSystems' }],
    });
  });
});

describe('clients that know c-icap', () => {
  test('G-28 V-15 get answers that they know: ISTag and Methods in OPTIONS, 204 without a body', async () => {
    const answer = await ask(options('sandblast'));
    for (const field of [
      'Methods',
      'Service',
      'ISTag',
      'Allow',
      'Preview',
      'Max-Connections',
      'Encapsulated',
    ])
      expect(answer).toMatch(new RegExp(`^${field}: `, 'm'));
    const whole = await rawExchange(weir.gatewayPort, reqmod('sandblast', `${ALLOW}Connection: close\r\n`));
    expect(whole.toString()).toMatch(/^ICAP\/1\.0 204 [^]*\r\n\r\n$/);
    expect(statusOf(await ask(reqmod('sandblast').replace('Host: h\r\n', '')))).toBe(204); // no Host
  });
});
