// Sends syslog messages as UDP datagrams (RFC 5426): one a message, lost when nobody listens.

import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { SyslogSender } from './sender.ts';
import { within } from './sender.ts';

const MAX_AT_ONCE = 1000; // datagrams that the system has not taken yet

export class UdpSender implements SyslogSender {
  readonly #socket: Socket;
  readonly #host: string;
  readonly #port: number;
  readonly #onTrouble: (error: Error) => void;
  #atOnce = 0;
  #idle: (() => void)[] = [];
  dropped = 0;

  constructor(host: string, port: number, onTrouble: (error: Error) => void) {
    this.#host = host;
    this.#port = port;
    this.#onTrouble = onTrouble;
    this.#socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4').unref();
    this.#socket.on('error', onTrouble);
  }

  get waiting(): number {
    return this.#atOnce;
  }

  send(message: Buffer): void {
    if (this.#atOnce >= MAX_AT_ONCE) {
      this.dropped++;
      return;
    }
    this.#atOnce++;
    this.#socket.send(message, this.#port, this.#host, (error) => {
      this.#atOnce--;
      if (error !== null) {
        this.dropped++;
        this.#onTrouble(error);
      }
      if (this.#atOnce === 0) for (const tell of this.#idle.splice(0)) tell();
    });
  }

  async close(graceMs: number): Promise<void> {
    if (this.#atOnce > 0 && graceMs > 0) {
      await within(graceMs, (resolve) => this.#idle.push(resolve));
    }
    this.#socket.close();
  }
}
