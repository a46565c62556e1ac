// Streams of one HTTP/2 connection through CONNECT and TLS, used like so many connections: one exchange at a
// time on each. Checks what a response reader checks: status 200 and the length of the body.
import { connect, type ClientHttp2Session } from 'node:http2';

import { openSocket, type TunnelTarget } from './tunnel.ts';
import { WrongResponse } from './response.ts';

export class Http2Lanes {
  readonly #session: ClientHttp2Session;
  readonly #authority: string;

  private constructor(session: ClientHttp2Session, authority: string) {
    this.#session = session;
    this.#authority = authority;
  }

  /** @throws {Error} as `Tunnel.open`, or the proxy does not choose HTTP/2 */
  static async open(target: TunnelTarget): Promise<Http2Lanes> {
    const socket = await openSocket(target, ['h2']);
    const authority = `${target.host}:${target.originPort}`;
    const session = connect(`https://${authority}`, { createConnection: () => socket });
    session.on('error', () => undefined); // its streams tell
    await new Promise((resolve, reject) => session.once('remoteSettings', resolve).once('close', reject));
    return new Http2Lanes(session, authority);
  }

  /** One GET. @throws {WrongResponse} not a 200 with a body of `expectedBytes` @throws {Error} the stream failed */
  exchange(path: string, expectedBytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({
        ':path': path,
        ':authority': this.#authority,
        'user-agent': 'weir-bench',
        accept: '*/*',
      });
      let status: number | undefined;
      let received = 0;
      stream.on('response', (headers) => (status = headers[':status']));
      stream.on('data', (chunk: Buffer) => (received += chunk.length));
      stream.on('error', reject);
      stream.on('end', () => {
        if (status === 200 && received === expectedBytes) return resolve();
        reject(new WrongResponse(`expected 200 and ${expectedBytes} bytes, got ${status} and ${received}`));
      });
    });
  }

  close(): void {
    this.#session.destroy();
  }
}
