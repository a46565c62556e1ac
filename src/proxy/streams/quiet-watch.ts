// Watches a response that is being held until its end: if little of it has come after a time, nobody will see
// its end soon (long polling, logs that are followed). What came is kept until then, so that the body can be
// had back whole from whoever holds it. What happens with it is stream-adaptation.ts.

import { HttpError } from '../../errors.ts';
import type { BodySink } from '../../http/body.ts';
import { Body } from '../../http/body.ts';
import { HEAD_BYTES } from '../../detect/file-type.ts';
import type { StreamSettings } from './shape.ts';
import { isOfFile } from './shape.ts';

export class QuietWatch {
  /** What is held; fails when the stream is known as one. */
  readonly held: Body;
  readonly #source: Body;
  readonly #limit: number;
  readonly #timer: NodeJS.Timeout;
  #kept: Buffer[] | null = []; // null: it is no stream
  #keptBytes = 0;
  #target: BodySink;
  #stopped = false; // the source waits for resume()
  #switched = false; // the source's bytes go elsewhere

  /**
   * @param settings  with a time: `quietAfterMs` is not null
   * @param onQuiet  called at most once, before `held` fails: the body from its first byte, which goes on as
   *   the stream does; false where it is not wanted
   */
  constructor(source: Body, { quietBytes, quietAfterMs }: StreamSettings, onQuiet: (body: Body) => boolean) {
    this.#source = source;
    this.#limit = quietBytes;
    this.held = new Body({
      resume: () => {
        if (!this.#switched) this.#resume();
      },
      cancel: (reason) => {
        if (this.#switched) return;
        this.settle();
        source.cancel(reason);
      },
      released: () => source.released(),
    });
    this.#target = sinkOf(this.held);
    this.#timer = setTimeout(() => this.#judge(onQuiet), quietAfterMs!).unref();
    source.consume({
      onData: (chunk) => this.#take(chunk),
      onEnd: (trailers) => {
        this.settle();
        this.#target.onEnd(trailers);
      },
      onError: (error) => {
        this.settle();
        this.#target.onError(error);
      },
    });
  }

  /** Whoever holds the body has decided, or it has ended: it is no stream. */
  settle(): void {
    clearTimeout(this.#timer);
    this.#kept = null;
  }

  #resume(): void {
    this.#stopped = false;
    this.#source.resume();
  }

  #take(chunk: Buffer): boolean {
    if (this.#kept !== null) {
      this.#keptBytes += chunk.length;
      if (this.#keptBytes >= this.#limit) this.settle();
      else this.#kept.push(chunk);
    }
    const more = this.#target.onData(chunk);
    if (!more) this.#stopped = true;
    return more;
  }

  #judge(onQuiet: (body: Body) => boolean): void {
    const kept = this.#kept;
    if (kept === null || this.held.settled) return;
    this.settle();
    if (isOfFile(Buffer.concat(kept).subarray(0, HEAD_BYTES))) return;
    const stream = new Body({
      resume: () => this.#resume(),
      cancel: (reason) => this.#source.cancel(reason),
    });
    this.#switched = true; // before whoever holds it is told to let go
    this.#switched = onQuiet(stream);
    if (!this.#switched) return;
    this.#target = sinkOf(stream);
    let more = true;
    for (const chunk of kept) more = stream.push(chunk);
    if (this.#stopped && more) this.#resume();
    this.held.fail(new HttpError('ERR_ABORTED', 'the body is a stream and goes on as one'));
  }
}

function sinkOf(body: Body): BodySink {
  return {
    onData: (chunk) => body.push(chunk),
    onEnd: (trailers) => body.end(trailers),
    onError: (error) => body.fail(error),
  };
}
