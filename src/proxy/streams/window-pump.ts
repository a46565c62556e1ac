// Takes a stream through inspection piece by piece: gathers bytes into windows, lets one after the other be
// judged together with the end of the one before, and passes on what was found clean. What judging is, and
// what it may make of a window, is stream-adaptation.ts. Nothing is scanned ahead of a reader that is slow.

import { HEAD_BYTES } from '../../detect/file-type.ts';
import { Body } from '../../http/body.ts';
import { joinBodies } from '../../http/joined-body.ts';
import type { RawHeaders } from '../../icap/codec/http-head.ts';
import { isOfFile } from './shape.ts';
import type { StreamSettings } from './shape.ts';

export interface WindowJudge {
  /**
   * Judges a window.
   * @param repeated  the end of what has gone on already
   * @returns what goes on in the place of `fresh`
   * @throws {WeirError} whatever ends the stream here
   */
  window(repeated: Buffer, fresh: readonly Buffer[]): Promise<readonly Buffer[]>;
  /** Judges all that is left as one; resolves with the same bytes, from the first of the whole stream. */
  whole(body: Body): Promise<Body>;
}

export class WindowPump {
  /** What has been judged; breaks off with the error that ended the stream. */
  readonly judged: Body;
  readonly #source: Body;
  readonly #settings: StreamSettings;
  readonly #judge: WindowJudge;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #tail: Buffer = NOTHING;
  /** All bytes so far, while they are few enough to tell what they are; null afterwards. */
  #head: Buffer | null = NOTHING;
  #cutAt = -Infinity; // when the last window was
  #timer: NodeJS.Timeout | null = null;
  #judging = false;
  #stopped = false; // the source waits for room here
  #full = false; // the reader has no room
  #over = false;
  #trailers: RawHeaders | null = null; // known: the source has ended
  /** What is left, where it turned out to be a file: as it goes to inspection, and as it comes back. */
  #whole: Body | null = null;
  #rest: Body | null = null;

  /** @param first  bytes that were judged before and have the first place in `judged` */
  constructor(
    source: Body,
    settings: StreamSettings,
    judge: WindowJudge,
    first: { readonly seen: readonly Buffer[]; readonly passed: readonly Buffer[] } | null,
  ) {
    this.#source = source;
    this.#settings = settings;
    this.#judge = judge;
    this.judged = new Body({
      resume: () => {
        this.#full = false;
        if (this.#rest === null) this.#schedule();
        else this.#rest.resume();
      },
      cancel: (reason) => {
        this.#end();
        source.cancel(reason);
        this.#whole?.fail(reason);
        this.#rest?.cancel(reason);
      },
    });
    if (first !== null) {
      this.#cutAt = performance.now();
      this.#remember(first.seen);
      this.#pass(first.passed);
    }
    source.pin();
    source.consume({
      onData: (chunk) => this.#take(chunk),
      onEnd: (trailers) => {
        this.#trailers = trailers;
        if (this.#whole === null) this.#schedule();
        else this.#whole.end(trailers);
      },
      onError: (error) => this.#fail(error),
    });
  }

  #take(chunk: Buffer): boolean {
    if (this.#whole !== null) return this.#whole.push(chunk);
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    this.#schedule();
    this.#stopped = this.#pendingBytes >= this.#settings.windowBytes;
    return !this.#stopped;
  }

  #schedule(): void {
    if (this.#judging || this.#full || this.#over || this.#whole !== null) return;
    if (this.#pendingBytes === 0) {
      if (this.#trailers !== null) {
        this.#end();
        this.judged.end(this.#trailers);
      }
      return;
    }
    if (this.#trailers !== null || this.#pendingBytes >= this.#settings.windowBytes) return this.#cut();
    const due = this.#cutAt + this.#settings.everyMs - performance.now();
    // After a pause at once, but with what arrives together in one window.
    this.#timer ??= setTimeout(() => this.#cut(), Math.max(0, due));
  }

  #cut(): void {
    this.#clearTimer();
    if (this.#judging || this.#over) return;
    const fresh = this.#takeWindow();
    this.#judging = true;
    this.#cutAt = performance.now();
    const before = this.#head;
    const repeated = this.#tail;
    this.#remember(fresh);
    if (before !== null && isOfFile(this.#head ?? Buffer.concat([before, ...fresh], HEAD_BYTES))) {
      return this.#holdRest(before, fresh);
    }
    this.#judge.window(repeated, fresh).then(
      (passed) => {
        this.#judging = false;
        if (this.#over) return;
        this.#pass(passed);
        this.#resumeSource();
        this.#schedule();
      },
      (error: Error) => this.#fail(error),
    );
  }

  #takeWindow(): Buffer[] {
    const fresh: Buffer[] = [];
    let room = this.#settings.windowBytes;
    while (room > 0 && this.#pending.length > 0) {
      const chunk = this.#pending[0]!;
      const part = chunk.subarray(0, room);
      if (part.length === chunk.length) this.#pending.shift();
      else this.#pending[0] = chunk.subarray(part.length);
      fresh.push(part);
      room -= part.length;
    }
    this.#pendingBytes -= this.#settings.windowBytes - room;
    return fresh;
  }

  #remember(fresh: readonly Buffer[]): void {
    const { overlapBytes } = this.#settings;
    const all = Buffer.concat([this.#tail, ...fresh]);
    this.#tail = Buffer.from(all.subarray(Math.max(0, all.length - overlapBytes)));
    if (this.#head === null) return;
    const head = Buffer.concat([this.#head, ...fresh]);
    this.#head = head.length >= HEAD_BYTES ? null : head;
  }

  #pass(bytes: readonly Buffer[]): void {
    for (const chunk of bytes) if (!this.judged.push(chunk)) this.#full = true;
  }

  #resumeSource(): void {
    if (!this.#stopped || this.#pendingBytes >= this.#settings.windowBytes) return;
    this.#stopped = false;
    this.#source.resume();
  }

  /** A file after all: what is left waits for a verdict on all of it. @param before  has gone on already */
  #holdRest(before: Buffer, fresh: readonly Buffer[]): void {
    const whole = new Body({
      resume: () => this.#source.resume(),
      cancel: (reason) => this.#source.cancel(reason),
    });
    this.#whole = whole;
    let more = true;
    for (const chunk of [before, ...fresh, ...this.#pending]) more = whole.push(chunk);
    this.#pending = [];
    this.#pendingBytes = 0;
    if (this.#trailers !== null) whole.end(this.#trailers);
    else if (this.#stopped && more) this.#source.resume();
    this.#judge.whole(whole).then(
      (clean) => this.#passWhole(joinBodies(null, clean, before.length)),
      (error: Error) => this.#fail(error),
    );
  }

  #passWhole(clean: Body): void {
    if (this.#over) return clean.cancel();
    this.#rest = clean;
    clean.consume({
      onData: (chunk) => this.judged.push(chunk),
      onEnd: (trailers) => {
        this.#end();
        this.judged.end(trailers);
      },
      onError: (error) => this.#fail(error),
    });
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#end();
    this.#source.cancel(error);
    this.#whole?.fail(error);
    this.judged.fail(error);
  }

  #end(): void {
    this.#over = true;
    this.#clearTimer();
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

const NOTHING = Buffer.alloc(0);
