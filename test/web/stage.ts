// What the tests of the console and its screenshots share: a Weir whose gateway is asked over a real ICAP
// connection, origins with something of everything, and the traffic that fills the pages.

import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { crc32, deflateSync } from 'node:zlib';
import { parse, stringify } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { eicar } from '../support/eicar.ts';
import { type OriginServer, originServer } from '../support/originServer.ts';
import { type LocalWeir, startTestWeir } from '../support/weir.ts';

export interface Stage extends AsyncDisposable {
  readonly weir: LocalWeir;
  /** Configuration file that the console edits. */
  readonly file: string;
  readonly secure: OriginServer;
  readonly plain: OriginServer;
  /** Of the dashboard. */
  readonly origin: string;
  /** Address that signs in. */
  readonly signIn: string;
  /** Sends one of everything through the proxy. */
  traffic(): Promise<void>;
}

/** A picture of 32 × 32 points in one colour. */
function png(): Buffer {
  const chunk = (name: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.from([0, 0, 0, 32, 0, 0, 0, 32, 8, 2, 0, 0, 0]);
  const rows = Buffer.concat(
    Array.from({ length: 32 }, () => Buffer.concat([Buffer.of(0), Buffer.alloc(96, 0x6a)])),
  );
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const CONTENT: Readonly<Record<string, readonly [type: string, body: () => Buffer]>> = {
  '/': ['text/html', () => Buffer.from('<!doctype html><title>Shop</title><h1>Welcome</h1>')],
  '/eicar.com': ['application/octet-stream', eicar],
  '/api/prices.json': ['application/json', () => Buffer.from('{"items":[{"name":"tea","price":3.5}]}')],
  '/logo.png': ['image/png', png],
};

function serve(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  const [type, body] = CONTENT[request.url!.split('?', 1)[0]!] ?? [
    'text/plain',
    () => Buffer.from('nothing here\n'),
  ];
  response.writeHead(request.url! in CONTENT || request.url!.includes('?') ? 200 : 404, {
    'Content-Type': type,
  });
  response.end(body());
}

export async function startStage(): Promise<Stage> {
  const secure = await originServer(serve, { tls: true });
  const plain = await originServer(serve);
  const weir = await startTestWeir((gatewayPort) => ({
    capture: { enabled: true },
    proxy: { tls: { rules: [{ hosts: ['127.0.0.1'], action: 'splice' }] } },
    adaptation: {
      services: {
        sandblast: { url: `icap://127.0.0.1:${gatewayPort}/sandblast`, inProcess: false },
        archive: { url: 'icap://127.0.0.1:1/scan', onError: 'bypass' },
      },
      rules: [
        { point: 'reqmod', use: ['sandblast'] },
        { point: 'respmod', use: ['sandblast'] },
        { point: 'respmod', use: ['archive'], when: { hosts: ['nobody.test'] } },
      ],
    },
  }));
  const { address, token, attachPolicy } = weir.weir.dashboard!;
  const file = await weir.folder.write(
    'edited.yaml',
    `# who keeps this file: nobody\n${stringify(parse(await readFile(weir.folder.join('weir.yaml'), 'utf8')))}`,
  );
  attachPolicy({ file, reload: async () => weir.weir.reload((await loadConfig({ path: file })).config) });
  const shop = `https://localhost:${secure.port}`;
  return {
    weir,
    file,
    secure,
    plain,
    origin: `http://${address}`,
    signIn: `http://${address}/?token=${token}`,
    async traffic() {
      await Promise.all([
        weir.curl(`${shop}/`, `${shop}/api/prices.json`, `${shop}/logo.png`, `${shop}/missing`),
        weir.curl(`${shop}/eicar.com`),
        weir.curl('--data', 'name=tea&amount=2', `${shop}/`),
        weir.curl('--insecure', `https://127.0.0.1:${secure.port}/`),
        weir.curl('http://gone.test:1/'),
        weir.curl(`http://127.0.0.1:${plain.port}/`),
      ]);
    },
    async [Symbol.asyncDispose]() {
      await weir[Symbol.asyncDispose]();
      await secure[Symbol.asyncDispose]();
      await plain[Symbol.asyncDispose]();
    },
  };
}
