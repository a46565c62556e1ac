// A body together with what was already read of it: lets somebody look at the start, scan the whole, or
// send it somewhere, and still get the original back, byte for byte. Both halves stand on it: the ICAP
// client for preview, late 204 and bypass, the gateway for scanning and for echoing without 204.

import type { RawHeaders } from '../icap/codec/http-head.ts';
import type { BodySink } from './body.ts';
import { Body } from './body.ts';
import type { SpoolOptions } from './spool.ts';
import { copiedFrom, DEFAULT_SPOOL, Spool } from './spool.ts';

/** A body that was read to its end. Exactly one of `memory` and `file` is set. */
export interface HeldContent {
  readonly size: number;
  readonly memory: Buffer | null;
  /** Path of the spool file; valid until `release` or until the re-stream was consumed. */
  readonly file: string | null;
}

export class HeldBody {
  readonly #source: Body;
  readonly #options: SpoolOptions;
  #held: Buffer[] = []; // read but not spooled: previews
  #heldBytes = 0;
  #spool: Spool | null = null;
  #target: BodySink | null = null; // where the source's bytes go now
  #intact = true;
  #sent = false;
  #restreamed = false; // somebody reads it from its first byte
  #successor: HeldBody | null = null; // holds the body now, for another attempt

  constructor(source: Body, options: SpoolOptions = DEFAULT_SPOOL) {
    this.#source = source;
    this.#options = options;
  }

  get declaredLength(): number | null {
    return this.#source.declaredLength;
  }

  /** False once bytes have passed without being kept: the original cannot be had back. */
  get intact(): boolean {
    return this.#successor?.intact ?? this.#intact;
  }

  /** All bytes of the body have arrived and wait in memory. */
  get inMemory(): boolean {
    return this.#source.ended && this.#source.error === null && this.#spool === null;
  }

  /** Trailer fields; known once `ended`. */
  get trailers(): RawHeaders {
    return this.#source.trailers;
  }

  /** The source has ended: nothing follows what is queued and held. */
  get ended(): boolean {
    return this.#source.ended;
  }

  /** Bytes of the whole body once all have arrived; null before, and after it broke off. */
  get size(): number | null {
    return this.#source.ended && this.#source.error === null ? this.#source.pushedBytes : null;
  }

  get error(): Error | null {
    if (this.#successor !== null) return this.#successor.error;
    return this.#source.error ?? this.#spool?.error ?? null;
  }

  /**
   * Takes up to `bytes` from the start and keeps them. Resolves early when the producer pauses or ends,
   * or when `waitMs` have passed. At most one call, before anything else.
   */
  preview(bytes: number, waitMs: number, ready: (chunks: readonly Buffer[]) => void): void {
    let timer: NodeJS.Timeout | null = null;
    let done = false;
    const finish = (): void => {
      if (done) return;
      done = true;
      if (timer !== null) clearTimeout(timer);
      this.#held = this.#source.take(bytes);
      for (const chunk of this.#held) this.#heldBytes += chunk.length;
      ready(this.#held);
    };
    if (!this.#source.readyFor(bytes)) timer = setTimeout(finish, waitMs);
    this.#source.whenReady(bytes, finish);
  }

  /** True when the preview holds the whole body and its end is known. */
  get previewIsAll(): boolean {
    return this.#source.ended && this.#source.queuedBytes === 0;
  }

  /**
   * Sends what follows the preview to `sink`, keeping it if `keep`.
   * @returns resume function for the sink
   */
  forwardRest(sink: BodySink, keep: boolean): () => void {
    if (!keep) {
      this.#intact = false;
      this.#source.consume(sink);
      return () => this.#source.resume();
    }
    return this.#keepWhileSending(sink);
  }

  /**
   * Reads the rest and keeps all of it. Rejects with the body's error or `ERR_SPOOL`.
   * @param onChunk  sees every byte of the body, in order, as it comes
   */
  async hold(onChunk: (chunk: Buffer) => void = () => {}): Promise<HeldContent> {
    this.#source.pin();
    if (this.inMemory) {
      const rest = this.#source.take(this.#source.queuedBytes);
      for (const chunk of rest) this.#heldBytes += chunk.length;
      this.#held =
        this.#held.length + rest.length > 1
          ? [Buffer.concat([...this.#held, ...rest], this.#heldBytes)]
          : [...this.#held, ...rest];
      const memory = this.#held[0] ?? EMPTY;
      onChunk(memory);
      return { size: this.#heldBytes, memory, file: null };
    }
    for (const chunk of this.#held) onChunk(chunk);
    await new Promise<void>((resolve, reject) => {
      const onData = (chunk: Buffer): boolean => {
        onChunk(chunk);
        return true;
      };
      this.#keepWhileSending({ onData, onEnd: () => resolve(), onError: reject });
    });
    const spool = this.#spool!;
    await spool.flush();
    if (spool.path !== null) return { size: spool.size, memory: null, file: spool.path };
    return { size: spool.size, memory: Buffer.concat(spool.memory!, spool.size), file: null };
  }

  /**
   * Waits until the body is here whole, or is known to be longer than `limit` bytes. Afterwards `restream`
   * gives all of it either way. Rejects with the body's error, or `ERR_SPOOL`.
   * @returns whether it is whole
   */
  async holdUpTo(limit: number): Promise<boolean> {
    const source = this.#source;
    // What fits the body's own queue needs no keeping, and its memory goes back where it came from.
    if (!source.ended && source.error === null) {
      await new Promise<void>((resolve) => source.whenReady(Infinity, resolve));
    }
    if (source.error !== null) throw source.error;
    if (source.ended) return source.pushedBytes <= limit;
    source.pin();
    const whole = await new Promise<boolean>((resolve, reject) => {
      let size = 0;
      this.#keepWhileSending({
        onData: (chunk) => {
          size += chunk.length;
          if (size > limit) resolve(false);
          return size <= limit;
        },
        onEnd: () => resolve(true),
        onError: reject,
      });
    });
    const { error } = this.#spool!;
    if (error !== null) throw error;
    return whole;
  }

  /** Bytes from the start that `peek` can see now; 0 once the original was given up or has gone on. */
  get keptBytes(): number {
    if (this.#successor !== null) return this.#successor.keptBytes;
    if (!this.#intact || this.#restreamed) return 0;
    return this.#spool?.size ?? this.#held.reduce((sum, { length }) => sum + length, 0);
  }

  /** Copies up to `length` kept bytes from `from` on, while the body is held; fewer or none where there are no more. */
  async peek(from: number, length: number): Promise<Buffer> {
    if (this.#successor !== null) return this.#successor.peek(from, length);
    if (!this.#intact || this.#restreamed) return EMPTY;
    return this.#spool?.peek(from, length) ?? copiedFrom(this.#held, from, length);
  }

  /**
   * The original body from its first byte: what was kept, then what is still to come. To be called once;
   * a sink of `forwardRest` gets nothing more. Spooled bytes are freed when the result was consumed or
   * cancelled.
   */
  restream(): Body {
    if (this.#successor !== null) return this.#successor.restream();
    if (!this.#intact) throw new TypeError('the original body was not kept');
    this.#restreamed = true;
    const spool = this.#spool;
    if (spool === null) {
      if (this.#held.length > 0) {
        this.#source.unshift(this.#held);
        this.#held = [];
      }
      return this.#source;
    }
    return this.#restreamSpool(spool);
  }

  /**
   * The whole body again for another attempt, out of reach of the attempt that failed. Whoever knows this one
   * may still ask it for the original.
   */
  renewed(): HeldBody {
    this.#successor = this.#successor?.renewed() ?? new HeldBody(this.restream(), this.#options);
    return this.#successor;
  }

  /** The original is not needed any more, but `forwardRest` goes on. */
  stopKeeping(): void {
    this.#successor?.stopKeeping();
    this.#intact = false;
    this.#spool?.dispose();
    this.#spool = null;
    this.#held = [];
    this.#freeMemory();
  }

  /** Every byte has left for where `preview` and `forwardRest` sent it. */
  allSent(): void {
    this.#sent = true;
    this.#freeMemory();
  }

  /** With all bytes sent and none kept, nobody refers to them any more. */
  #freeMemory(): void {
    if (this.#sent && !this.#intact) this.#source.released();
  }

  #keepWhileSending(sink: BodySink): () => void {
    const spool = this.#startSpool();
    let waiting = 0; // parties that hold the body up: the sink, the spool
    const go = (): void => {
      if (waiting > 0 && --waiting === 0) this.#source.resume();
    };
    this.#target = {
      onData: (chunk) => {
        if (this.#intact && !spool.append(chunk, go)) waiting++;
        if (this.#intact && spool.error !== null) {
          this.#source.cancel(spool.error);
          sink.onError(spool.error);
          return true;
        }
        if (!sink.onData(chunk)) waiting++;
        return waiting === 0;
      },
      onEnd: (trailers) => sink.onEnd(trailers),
      onError: (error) => {
        spool.dispose(); // half a body is of no use
        sink.onError(error);
      },
    };
    this.#source.consume({
      onData: (chunk) => this.#target!.onData(chunk),
      onEnd: (trailers) => this.#target!.onEnd(trailers),
      onError: (error) => this.#target!.onError(error),
    });
    return go;
  }

  #restreamSpool(spool: Spool): Body {
    const rest = this.#source;
    let kept: Body | null = null; // being read back, until it is used up
    let late: Buffer[] = []; // arrived from the source meanwhile
    const body = new Body(
      {
        resume: () => (kept ?? rest).resume(),
        cancel: (reason) => {
          kept?.cancel(reason);
          rest.cancel(reason);
          spool.dispose();
        },
      },
      rest.declaredLength,
    );
    const fail = (error: Error): void => {
      kept?.cancel(error);
      spool.dispose();
      body.fail(error);
    };
    const finish = (trailers: RawHeaders): void => {
      spool.dispose();
      body.end(trailers);
    };
    let ended = rest.settled; // with `rest.ended` alone, bytes may still wait in its queue
    this.#target = {
      onData: (chunk) => {
        if (kept === null) return body.push(chunk);
        late.push(chunk);
        return false;
      },
      onEnd: (trailers) => {
        ended = true;
        if (kept === null) finish(trailers);
      },
      onError: fail,
    };
    if (rest.error !== null) {
      queueMicrotask(() => fail(rest.error!));
      return body;
    }
    kept = new Body(); // stands in until the disk has everything
    const readBack = (): void => {
      if (body.settled) return;
      kept = spool.read();
      kept.consume({
        onData: (chunk) => body.push(chunk),
        onEnd: () => {
          kept = null;
          let more = true;
          for (const chunk of late) more = body.push(chunk);
          late = [];
          if (ended) finish(rest.trailers);
          else if (more) rest.resume();
        },
        onError: fail,
      });
    };
    if (spool.path === null) readBack();
    else void spool.flush().then(readBack, fail);
    return body;
  }

  /** Drops everything: the rest is cancelled, what was kept is freed. */
  release(reason?: Error): void {
    if (this.#successor !== null) return this.#successor.release(reason);
    this.#intact = false;
    this.#source.cancel(reason);
    this.#held = [];
    this.#spool?.dispose();
    this.#freeMemory();
  }

  #startSpool(): Spool {
    const spool = new Spool(this.#options);
    for (const chunk of this.#held) spool.append(chunk, () => {});
    this.#held = [];
    this.#spool = spool;
    return spool;
  }
}

const EMPTY = Buffer.alloc(0);
