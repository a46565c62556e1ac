// The answer to a request that cannot be read: one page, after which the stream is at its end whatever the
// client still sends on it. RFC 9113 §8.1.1.

import type { Body } from '../http/body.ts';
import type { ServerStream, StreamOwner } from './server-stream.ts';

export class RefusedRequest implements StreamOwner {
  readonly #stream: ServerStream;

  /** Answers, and becomes the stream's owner. @param body  all of it is here */
  constructor(stream: ServerStream, status: number, fields: readonly string[], body: Body) {
    this.#stream = stream;
    stream.owner = this;
    const page = Buffer.concat(body.take(body.queuedBytes));
    body.cancel();
    stream.sendHead(status, fields, page.length === 0);
    stream.write(page);
    stream.end();
  }

  onData(): boolean {
    return true;
  }

  onEnd(): void {}
  onReset(): void {}
  onDrain(): void {}

  onFinish(): void {
    this.#stream.endEarly();
  }

  onClose(): void {}
}
