// Clients at different addresses of this machine: each is another client to the proxy.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { curl, type CurlResult } from '../../support/curl.ts';
import { testCa } from '../../support/testCa.ts';
import type { LocalWeir } from '../../support/weir.ts';

/** What a client trusts: the CA of Weir, that of the origins, or neither. */
export type Trust = 'weir' | 'origin' | 'nobody';

export async function curlFrom(
  address: string,
  weir: LocalWeir,
  trust: Trust,
  ...args: string[]
): Promise<CurlResult> {
  const ca = trust === 'weir' ? weir.caPath : trust === 'origin' ? (await testCa()).certPath : '/dev/null';
  const proxy = `http://127.0.0.1:${weir.proxyPort}`;
  return curl([
    '--interface',
    address,
    '--proxy',
    proxy,
    ...(trust === 'nobody' ? [] : ['--cacert', ca]),
    ...args,
  ]);
}

/** A tunnel from that address; the socket is paused. */
export async function tunnelFrom(address: string, weir: LocalWeir, target: string): Promise<Socket> {
  const socket = net.connect({ host: '127.0.0.1', port: weir.proxyPort, localAddress: address });
  socket.on('error', () => {});
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  let answer = '';
  while (!answer.includes('\r\n\r\n')) {
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    answer += bytes.toString('latin1');
  }
  socket.pause();
  if (!answer.startsWith('HTTP/1.1 200')) throw new Error(answer);
  return socket;
}

/** A handshake in a tunnel. Resolves with the error's code, or null when it went well; closed either way. */
export async function handshakeFrom(
  address: string,
  weir: LocalWeir,
  target: string,
  options: tls.ConnectionOptions,
): Promise<string | null> {
  const socket = await tunnelFrom(address, weir, target);
  const secure = tls.connect({ socket, servername: target.split(':')[0]!, ...options });
  return new Promise((resolve) => {
    let outcome: string | null = 'closed';
    secure.once('secureConnect', () => {
      outcome = null;
      secure.destroy();
    });
    secure.once('error', (error: NodeJS.ErrnoException) => (outcome = error.code ?? error.message));
    secure.once('close', () => resolve(outcome));
  });
}

/** `openssl s_client` through the proxy, which verifies against a CA. Resolves with what it printed. */
export async function opensslThrough(weir: LocalWeir, target: string, ...args: string[]): Promise<string> {
  const proxy = ['-proxy', `127.0.0.1:${weir.proxyPort}`, '-connect', target];
  const child = spawn('openssl', ['s_client', ...proxy, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => (text += bytes.toString()));
  child.stdin.on('error', () => {});
  child.stdin.end('Q\n');
  await once(child, 'close');
  return text;
}

/** The ClientHello that Node sends for a name. */
export async function helloOf(servername: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const wire = new Duplex({
      read() {},
      write(chunk: Buffer, _, done) {
        resolve(chunk);
        done();
      },
    });
    tls.connect({ socket: wire, servername }).on('error', () => {});
  });
}
