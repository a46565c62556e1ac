// A connection between its acceptance and the first byte that is served: reads what stands in front (a PROXY
// header, a first byte, a SOCKS dialogue) within a time, and closes it when that fails. What is read, and
// what it means, whoever reads decides.

import type { Socket } from 'node:net';
import { isWeirError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import type { Deadlines, HasDeadline } from '../../util/deadlines.ts';

export interface ArrivingHost {
  readonly deadlines: Deadlines;
  /** Connections that are on their way in. */
  readonly arriving: Set<Arriving>;
  /** One was closed because of this. */
  refused(client: string, error: WeirError): void;
}

/** What was found: bytes of it, and what to do now. */
export interface Taken {
  readonly used: number;
  readonly then: () => void;
}

export class Arriving implements HasDeadline {
  deadlineAt = Infinity;
  /** The accepted connection. TLS may stand on it. */
  readonly socket: Socket;
  /** Address; of the client itself once a balancer has named it. */
  client: string;
  /** What the client had connected to, where a balancer says so. */
  destination: { readonly address: string; readonly port: number } | null = null;
  /** The entrance that it came by. */
  readonly entrance: object;
  readonly #host: ArrivingHost;
  #late: (() => WeirError) | null = null;
  #over = false;

  constructor(socket: Socket, client: string, entrance: object, host: ArrivingHost) {
    this.socket = socket;
    this.entrance = entrance;
    this.client = client;
    this.#host = host;
    host.arriving.add(this);
    host.deadlines.add(this);
    socket.on('error', this.#onError);
    socket.on('close', this.#leave);
  }

  readonly #onError = (): void => void this.socket.destroy();
  readonly #leave = (): void => {
    this.#host.arriving.delete(this);
    this.#host.deadlines.delete(this);
  };

  /** True when nobody waits for this connection any more. */
  get over(): boolean {
    return this.#over;
  }

  /** What comes next has so much time. @param late  why it fails then; null: it is closed without a word */
  within(ms: number, late: (() => WeirError) | null): void {
    this.deadlineAt = performance.now() + ms;
    this.#late = late;
  }

  onDeadline(): void {
    if (this.#late !== null) this.fail(this.#late());
    else this.destroy();
  }

  /**
   * Reads until `take` has found what it looks for; the bytes behind it are put back.
   *
   * @param stream  the connection, or TLS on it
   * @param take  gets all bytes so far, and finds something or waits for more (null); throws for what is wrong
   * @param cut  why it fails when the connection ends in the middle; null: it is closed without a word
   */
  read(
    stream: Socket,
    take: (seen: Buffer) => Taken | null,
    cut: ((seen: Buffer) => WeirError) | null,
  ): void {
    let seen: Buffer = Buffer.alloc(0);
    const stop = (): void => {
      stream.off('data', onData);
      stream.off('end', onEnd);
      stream.pause();
    };
    const onData = (bytes: Buffer): void => {
      seen = seen.length === 0 ? bytes : Buffer.concat([seen, bytes]);
      let taken: Taken | null;
      try {
        taken = take(seen);
      } catch (error) {
        stop();
        if (!isWeirError(error)) throw error;
        return this.fail(error);
      }
      if (taken === null) return;
      stop();
      if (taken.used < seen.length) stream.unshift(seen.subarray(taken.used));
      taken.then();
    };
    const onEnd = (): void => {
      stop();
      if (seen.length === 0 || cut === null) this.destroy();
      else this.fail(cut(seen));
    };
    stream.on('data', onData);
    stream.on('end', onEnd);
    stream.resume();
  }

  /** Closes it, and says why. */
  fail(error: WeirError): void {
    if (this.#over) return;
    this.#host.refused(this.client, error);
    this.destroy();
  }

  /** The same with an answer. */
  refuse(stream: Socket, lastWords: Buffer, error: WeirError): void {
    if (this.#over) return;
    this.#over = true;
    this.#host.refused(this.client, error);
    stream.end(lastWords);
    stream.destroySoon();
  }

  destroy(): void {
    this.#over = true;
    this.socket.destroy();
  }

  /**
   * It has arrived: whoever serves it looks after errors and time from now on.
   * @returns false when it is closed already
   */
  done(stream: Socket): boolean {
    if (this.#over || stream.destroyed) return false;
    this.#over = true;
    this.#leave();
    this.socket.off('close', this.#leave);
    if (stream === this.socket) this.socket.off('error', this.#onError);
    return true;
  }
}
