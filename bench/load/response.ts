// Reads responses just closely enough to know that each is right and where it ends: status 200 and as many
// body bytes as expected, framed by Content-Length or chunked. Pure; the bytes themselves are not kept.

const HEAD_LIMIT = 16 * 1024; // bytes
const CHUNK_LINE_LIMIT = 64; // bytes

/** A response that is not the expected one. It fails the run: a fast wrong answer is worth nothing. */
export class WrongResponse extends Error {
  override readonly name = 'WrongResponse';
}

const NOTHING = Buffer.alloc(0);

export class ResponseReader {
  #expected = 0;
  #pending: Buffer = NOTHING;
  #inBody = false;
  #chunked = false;
  /** Of a length-framed body or of the current chunk, its CR LF included. */
  #left = 0;
  #received = 0;
  #lastChunk = false;

  /** Starts over for the next response, which must have a body of `expectedBytes`. */
  begin(expectedBytes: number): void {
    this.#expected = expectedBytes;
    this.#pending = NOTHING;
    this.#inBody = false;
    this.#chunked = false;
    this.#left = 0;
    this.#received = 0;
    this.#lastChunk = false;
  }

  /**
   * Takes the next bytes.
   *
   * @returns whether the response is complete
   * @throws {WrongResponse} another status, another length, broken framing, or bytes after the end
   */
  push(bytes: Buffer): boolean {
    let rest: Buffer | undefined = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    this.#pending = NOTHING;
    if (!this.#inBody) {
      rest = this.#readHead(rest);
      if (rest === undefined) return false;
    }
    return this.#chunked ? this.#readChunks(rest) : this.#readLength(rest);
  }

  /** Whether any byte of the current response has come. */
  get begun(): boolean {
    return this.#inBody || this.#pending.length > 0;
  }

  /** How far the current response has come, for an error message. */
  get progress(): string {
    if (!this.#inBody) return `${this.#pending.length} bytes of the head`;
    return this.#chunked
      ? `${this.#received} bytes in chunks`
      : `${this.#expected - this.#left} bytes of the body`;
  }

  #readHead(bytes: Buffer): Buffer | undefined {
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0) {
      if (bytes.length > HEAD_LIMIT) throw new WrongResponse(`a head of more than ${HEAD_LIMIT} bytes`);
      this.#pending = bytes;
      return undefined;
    }
    const head = bytes.toString('latin1', 0, end + 2);
    if (!head.startsWith('HTTP/1.1 200')) {
      const body = bytes.toString('latin1', end + 4, end + 204);
      throw new WrongResponse(`expected HTTP/1.1 200, got ${JSON.stringify(head.slice(0, 300) + body)}`);
    }
    this.#inBody = true;
    const length = /\r\ncontent-length:[ \t]*(\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      if (!/\r\ntransfer-encoding:[ \t]*chunked/i.test(head))
        throw new WrongResponse('a body without framing');
      this.#chunked = true;
    } else {
      this.#left = Number(length);
      if (this.#left !== this.#expected) {
        throw new WrongResponse(`expected a body of ${this.#expected} bytes, got Content-Length ${length}`);
      }
    }
    return bytes.subarray(end + 4);
  }

  #readLength(bytes: Buffer): boolean {
    this.#left -= bytes.length;
    if (this.#left < 0) throw new WrongResponse(`${-this.#left} bytes after the end of the body`);
    return this.#left === 0;
  }

  #readChunks(bytes: Buffer): boolean {
    let at = 0;
    for (;;) {
      const step = Math.min(this.#left, bytes.length - at);
      this.#left -= step;
      at += step;
      if (this.#left > 0) return false;
      if (this.#lastChunk) {
        if (at < bytes.length) throw new WrongResponse(`${bytes.length - at} bytes after the last chunk`);
        if (this.#received !== this.#expected) {
          throw new WrongResponse(
            `expected a body of ${this.#expected} bytes, got ${this.#received} in chunks`,
          );
        }
        return true;
      }
      const lineEnd = bytes.indexOf('\r\n', at);
      if (lineEnd < 0) {
        if (bytes.length - at > CHUNK_LINE_LIMIT) throw new WrongResponse('a chunk line without an end');
        this.#pending = Buffer.from(bytes.subarray(at));
        return false;
      }
      const line = bytes.toString('latin1', at, lineEnd);
      if (!/^[0-9a-f]+[ \t]*(;|$)/i.test(line))
        throw new WrongResponse(`a chunk line ${JSON.stringify(line)}`);
      const size = Number.parseInt(line, 16);
      this.#received += size;
      this.#lastChunk = size === 0;
      this.#left = size + 2;
      at = lineEnd + 2;
    }
  }
}
