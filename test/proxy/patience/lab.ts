// A Weir whose only scanner is an ICAP server that answers when the test tells it to, and an origin with
// files to scan.

import { randomBytes } from 'node:crypto';
import { CONTINUE, NO_CONTENT, optionsAnswer, PAGE, scriptedIcap } from '../../icap/client/scripted-icap.ts';
import type { IcapConversation } from '../../icap/client/scripted-icap.ts';
import { originServer } from '../../support/originServer.ts';
import type { OriginServer } from '../../support/originServer.ts';
import { type LocalWeir, startTestWeir, type WeirSettings } from '../../support/weir.ts';

export const FILE = randomBytes(20_000);
export const TAIL = 64; // bytes
export const BROWSER = [
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,*/*;q=0.8',
  'Sec-Fetch-Dest: document',
];

/** A RESPMOD that waits for its verdict; all of its body has arrived at the server. */
export interface Scan {
  /** Its ICAP request, up to the end of the preview. */
  readonly request: string;
  clean(): void;
  block(): void;
  /** Answers with this body, and these fields beside Content-Type and Content-Disposition as they were. */
  modify(body: Buffer, fields?: string): void;
  die(): void;
}

export interface Lab extends AsyncDisposable {
  readonly weir: LocalWeir;
  readonly origin: OriginServer;
  /** RESPMODs that have come. */
  readonly scans: readonly Scan[];
  url(path: string): string;
  /** The scan of that number, from 1, once it has come. */
  scan(number: number): Promise<Scan>;
  /** Settings with other values in `adaptation.hold`. */
  settings(hold?: Record<string, unknown>, more?: Record<string, unknown>): WeirSettings;
}

export const FILE_FIELDS = {
  'Content-Type': 'application/octet-stream',
  'Content-Disposition': 'attachment; filename="tool.bin"',
} as const;

export async function startLab(
  hold: Record<string, unknown> = {},
  more: Record<string, unknown> = {},
  { tls = false }: { tls?: boolean } = {},
): Promise<Lab> {
  const scans: Scan[] = [];
  const waiting: (() => void)[] = [];
  const icap = await scriptedIcap(
    async (peer, request) => {
      if (!request.includes('; ieof')) {
        peer.send(CONTINUE);
        await peer.readRest();
      }
      await new Promise<void>((resolve) => {
        scans.push(scanOf(peer, request, resolve));
        for (const wake of waiting.splice(0)) wake();
      });
    },
    { options: () => optionsAnswer(['Preview: 16', 'Transfer-Preview: *']) },
  );
  const origin = await originServer(
    (request, response) => {
      const path = request.url!.split('?', 1)[0]!;
      if (path === '/slow.bin') {
        response.writeHead(200, {
          'Content-Type': 'application/octet-stream',
          'Content-Length': FILE.length,
        });
        response.write(FILE.subarray(0, 5000));
        return; // the rest never comes
      }
      if (path === '/chunked.bin') {
        response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
        response.write(FILE.subarray(0, 5000));
        return void response.end(FILE.subarray(5000));
      }
      if (path === '/script') {
        const script = Buffer.concat([Buffer.from('#!/bin/sh\n'), Buffer.alloc(5000, ':\n')]);
        response.writeHead(200, {
          'Content-Type': 'application/octet-stream',
          'Content-Length': script.length,
        });
        return void response.end(script);
      }
      if (path === '/page.html') {
        response.writeHead(200, { 'Content-Type': 'text/html' });
        return void response.end('<title>verified</title><h1>Verified</h1>');
      }
      if (path === '/missing') return void response.writeHead(404, { 'X-Own': 'yes' }).end('nothing here');
      response.writeHead(200, { ...FILE_FIELDS, 'Content-Length': FILE.length, 'X-Own': 'yes' });
      response.end(FILE);
    },
    { tls },
  );
  const settings: Lab['settings'] = (otherHold = {}, other = {}) => ({
    adaptation: {
      services: {
        scan: { url: `icap://127.0.0.1:${icap.port}/scan`, timeout: '20s', ...(more['service'] ?? {}) },
      },
      rules: [{ point: 'respmod', use: ['scan'] }],
      hold: { after: '20ms', rate: '8KiB', tail: TAIL, ...hold, ...otherHold },
      ...((more['adaptation'] as object | undefined) ?? {}),
      ...other,
    },
  });
  const close = async (): Promise<void> => {
    await icap[Symbol.asyncDispose]();
    await origin.close();
  };
  const weir = await startTestWeir(settings()).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return {
    ...{ weir, origin, scans, settings },
    url: (path) => `${tls ? 'https://www' : 'http://www'}.origin.test:${origin.port}${path}`,
    async scan(number) {
      while (scans.length < number) await new Promise<void>((resolve) => waiting.push(resolve));
      return scans[number - 1]!;
    },
    async [Symbol.asyncDispose]() {
      await weir[Symbol.asyncDispose]();
      await close();
    },
  };
}

function scanOf(peer: IcapConversation, request: string, done: () => void): Scan {
  const answer = (bytes: string | Buffer): void => {
    peer.socket.write(bytes, 'latin1');
    done();
  };
  return {
    request,
    clean: () => answer(NO_CONTENT),
    block: () => answer(PAGE),
    modify(body, fields = 'X-Own: yes\r\n') {
      const own = Object.entries(FILE_FIELDS).map(([name, value]) => `${name}: ${value}\r\n`);
      const date = /\r\n(Date: .*\r\n)/.exec(request)?.[1] ?? '';
      const head = `HTTP/1.1 200 OK\r\n${own.join('')}${fields}${date}Content-Length: ${body.length}\r\n\r\n`;
      const start = `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nEncapsulated: res-hdr=0, res-body=${head.length}\r\n\r\n`;
      const chunk = Buffer.concat([
        Buffer.from(`${body.length.toString(16)}\r\n`),
        body,
        Buffer.from('\r\n0\r\n\r\n'),
      ]);
      answer(Buffer.concat([Buffer.from(start + head, 'latin1'), chunk]));
    },
    die() {
      peer.socket.destroy();
      done();
    },
  };
}
