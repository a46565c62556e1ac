// One client connection: through CONNECT and TLS, or plain to the proxy. One exchange at a time.
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type SecureContext } from 'node:tls';

import { ResponseReader } from './response.ts';

const IDLE_TIMEOUT_MS = 30_000;

export interface TunnelTarget {
  readonly proxyPort: number;
  readonly host: string;
  readonly originPort: number;
  /** Trusts the proxy's CA; without it the connection stays plain and no CONNECT is sent. */
  readonly context: SecureContext | undefined;
}

/**
 * Node turns the whole chain into objects to compare names, which takes a third of the load generator's time
 * for a new tunnel. The chain is verified by OpenSSL all the same, and the name by `checkHost` afterwards.
 */
const TRUST_CHAIN_ONLY = { getPeerCertificate: () => ({}) };

async function establish(socket: Socket, authority: string): Promise<void> {
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`, 'latin1');
  let head = '';
  while (!head.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    head += chunk.toString('latin1');
    if (head.length > 16_384) throw new Error('an endless answer to CONNECT');
  }
  socket.pause();
  if (!/^HTTP\/1\.[01] 200/.test(head))
    throw new Error(`CONNECT ${authority}: ${JSON.stringify(head.slice(0, 300))}`);
  if (!head.endsWith('\r\n\r\n')) throw new Error(`CONNECT ${authority}: bytes after the head`);
}

/**
 * Connects, through CONNECT and a full TLS handshake (no session is ever offered) unless plain.
 *
 * @param alpn  protocols that are offered; the first must be chosen
 * @throws {Error} the proxy refused, its certificate does not stand, or it chose another protocol
 */
export async function openSocket(target: TunnelTarget, alpn?: readonly string[]): Promise<Socket> {
  const tcp = connectTcp({ port: target.proxyPort, host: '127.0.0.1', noDelay: true });
  const refuse = (): void => void tcp.destroy(new Error('the proxy closed the connection during set-up'));
  const late = (): void => void tcp.destroy(new Error('no answer during set-up'));
  tcp.setTimeout(IDLE_TIMEOUT_MS, late);
  tcp.once('end', refuse);
  // Between two awaited events an error would have no listener; the next await sees it all the same.
  tcp.on('error', () => undefined);
  try {
    await once(tcp, 'connect');
    if (target.context !== undefined) await establish(tcp, `${target.host}:${target.originPort}`);
    tcp.off('end', refuse);
    tcp.setTimeout(0, late);
    if (target.context === undefined) return tcp;
    const secure = connectTls({
      socket: tcp,
      servername: target.host,
      secureContext: target.context,
      checkServerIdentity: () => undefined,
      ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
    });
    Object.assign(secure, TRUST_CHAIN_ONLY);
    secure.setTimeout(IDLE_TIMEOUT_MS, late);
    await once(secure, 'secureConnect');
    secure.setTimeout(0, late);
    if (secure.getPeerX509Certificate()?.checkHost(target.host) === undefined) {
      throw new Error(`the leaf does not name ${target.host}`);
    }
    if (alpn !== undefined && secure.alpnProtocol !== alpn[0]) {
      throw new Error(`expected ${alpn[0]}, the proxy chose ${String(secure.alpnProtocol)}`);
    }
    return secure;
  } catch (error) {
    tcp.destroy();
    throw error;
  }
}

/**
 * The proxy closed a kept-alive connection before any byte of the answer. HTTP allows it at any time, and a
 * client asks again on a new connection (RFC 9112 section 9.3.1).
 */
export class ClosedBetweenExchanges extends Error {
  override readonly name = 'ClosedBetweenExchanges';
}

export class Tunnel {
  readonly #socket: Socket;
  readonly #reader = new ResponseReader();
  #settle: { resolve(): void; reject(error: Error): void } | undefined;
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setTimeout(IDLE_TIMEOUT_MS, () => {
      // An idle tunnel between exchanges is fine: only a pending answer is too late.
      if (this.#settle !== undefined) this.#fail(new Error(`no bytes for ${IDLE_TIMEOUT_MS / 1000} s`));
    });
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => {
      if (this.#failure !== undefined) return;
      const message = `the proxy closed the connection after ${this.#reader.progress}`;
      this.#fail(
        this.#reader.begun && this.#settle !== undefined
          ? new Error(message)
          : new ClosedBetweenExchanges(message),
      );
    });
  }

  /** Connects as {@link openSocket}. */
  static async open(target: TunnelTarget): Promise<Tunnel> {
    return new Tunnel(await openSocket(target));
  }

  /**
   * Sends a request and waits for the whole response.
   *
   * @throws {WrongResponse} not a 200 with a body of `expectedBytes`
   * @throws {ClosedBetweenExchanges} the proxy closed it instead of answering: may be asked again
   * @throws {Error} the connection failed
   */
  exchange(request: Buffer, expectedBytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#settle = { resolve, reject };
      this.#reader.begin(expectedBytes);
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#settle = undefined;
    this.#failure ??= new Error('closed');
    this.#socket.destroySoon();
  }

  #receive(chunk: Buffer): void {
    const settle = this.#settle;
    if (settle === undefined) {
      this.#fail(new Error('bytes that nobody asked for'));
      return;
    }
    try {
      if (!this.#reader.push(chunk)) return;
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    this.#settle = undefined;
    settle.resolve();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#settle?.reject(this.#failure);
    this.#settle = undefined;
    this.#socket.destroy();
  }
}
