// The sending half of one side of a WebSocket: messages become frames, compressed where they came so, and wait
// while the socket has no room. Which messages and in which order is lane.ts. RFC 6455 §5, RFC 7692.

import type { Duplex } from 'node:stream';
import type { Body } from '../../http/body.ts';
import { Deflater } from './deflate.ts';
import type { DeflateSide } from './extensions.ts';
import { CLOSE, closePayload, CONTINUATION, frameOf } from './frames.ts';
import type { DataOpcode } from './frames.ts';

const ONE_FRAME = 64 * 1024; // bytes; what is longer goes in several
const SMALL = 1024; // bytes of payload that are copied to be one write with their head

/** Part of a message that is sent: all of it, as a rule. */
export interface Outgoing {
  readonly opcode: DataOpcode;
  readonly compressed: boolean;
  /** Resolves when the part has come whole: whether the message ends with it. */
  readonly isLast: boolean | Promise<boolean>;
}

export class MessageWriter {
  readonly #socket: Duplex;
  readonly #masks: boolean;
  readonly #deflater: Deflater | null;
  #inMessage = false;
  #closed = false; // a Close is out: nothing may follow
  #waiting: (() => void)[] = [];

  /**
   * @param masks  towards a server
   * @param deflate  how this end compresses; null: it does not
   */
  constructor(socket: Duplex, masks: boolean, deflate: DeflateSide | null) {
    this.#socket = socket;
    this.#masks = masks;
    const deflater = deflate === null ? null : new Deflater(deflate);
    this.#deflater = deflater?.able === true ? deflater : null;
    const wake = (): void => {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const ready of waiting) ready();
    };
    socket.on('drain', wake);
    socket.on('close', () => {
      this.#deflater?.close();
      wake();
    });
  }

  /** The socket takes more. */
  get hasRoom(): boolean {
    return !this.#socket.writableNeedDrain || this.#socket.destroyed;
  }

  /** A Close was sent. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves when the socket takes more, or is gone. */
  room(): Promise<void> {
    if (this.hasRoom) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /**
   * Sends a message, or a part of one. Resolves with its bytes once it has left; rejects with the body's error.
   */
  async send(body: Body | null, part: Outgoing): Promise<number> {
    if (body === null || (body.ended && body.error === null && body.queuedBytes <= ONE_FRAME)) {
      const chunks = body?.take(body.queuedBytes) ?? [];
      body?.cancel();
      const payload = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      await this.#frame(payload, part, typeof part.isLast === 'boolean' ? part.isLast : await part.isLast);
      return payload.length;
    }
    return this.#stream(body, part);
  }

  /** One chunk is held back, so that the last one can be sent as such. */
  #stream(body: Body, part: Outgoing): Promise<number> {
    return new Promise((resolve, reject) => {
      let held: Buffer | null = null;
      let sent = 0;
      let sending = Promise.resolve();
      const failed = (error: Error): void => {
        body.cancel(error);
        reject(error);
      };
      body.consume({
        onData: (chunk) => {
          sent += chunk.length;
          const before = held;
          held = chunk;
          if (before === null) return true;
          sending = this.#frame(before, part, false);
          sending.then(() => body.resume(), failed);
          return false;
        },
        onEnd: () => {
          sending
            .then(() => part.isLast)
            .then((isLast) => this.#frame(held ?? NOTHING, part, isLast))
            .then(() => resolve(sent), reject);
        },
        onError: reject,
      });
    });
  }

  /** Resolves when the socket has room again. */
  async #frame(chunk: Buffer, { opcode, compressed }: Outgoing, final: boolean): Promise<void> {
    const isFirst = !this.#inMessage;
    this.#inMessage = !final;
    const deflater = compressed ? this.#deflater : null;
    const payload = deflater === null ? chunk : await deflater.compress(chunk, final);
    if (this.#closed) return;
    this.#write(payload, isFirst ? opcode : CONTINUATION, final, isFirst && deflater !== null);
    if (!this.hasRoom) await this.room();
  }

  /** Sends a Ping or Pong at once, also between the frames of a message. */
  control(opcode: number, payload: Buffer): void {
    if (!this.#closed) this.#write(payload, opcode, true, false);
  }

  /** Sends a Close; nothing goes out behind it. */
  close(payload: Buffer): void {
    if (this.#closed) return;
    this.#write(payload, CLOSE, true, false);
    this.#closed = true;
    this.#deflater?.close();
  }

  closeWith(code: number, reason: string): void {
    this.close(closePayload(code, reason));
  }

  #write(payload: Buffer, opcode: number, final: boolean, compressed: boolean): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    const frame = frameOf(payload, { opcode, final, compressed, mask: this.#masks });
    if (frame.length === 1 || payload.length <= SMALL) {
      socket.write(frame.length === 1 ? frame[0]! : Buffer.concat(frame));
      return;
    }
    socket.cork();
    for (const bytes of frame) socket.write(bytes);
    socket.uncork();
  }
}

const NOTHING = Buffer.alloc(0);
