// Cuts a stream of log text into whole lines, so that what several processes write never mixes within
// a line. Lines are passed on many at a time; none is parsed.

const MAX_LINE = 1024 * 1024; // bytes; a longer line is cut there
const LF = 0x0a;

export class LineCutter {
  readonly #onLines: (lines: string) => void;
  #rest: Buffer[] = [];
  #restBytes = 0;

  /** @param onLines is given text that ends in a line feed */
  constructor(onLines: (lines: string) => void) {
    this.#onLines = onLines;
  }

  add(chunk: Buffer): void {
    const end = chunk.lastIndexOf(LF) + 1;
    if (end > 0) {
      const whole = chunk.subarray(0, end);
      this.#onLines(this.#take(whole));
    }
    if (end < chunk.length) this.#keep(chunk.subarray(end));
  }

  /** Passes on what has no line end: the writer has ended. */
  end(): void {
    if (this.#restBytes > 0) this.#onLines(`${this.#take(null)}\n`);
  }

  #keep(piece: Buffer): void {
    this.#rest.push(piece);
    this.#restBytes += piece.length;
    if (this.#restBytes > MAX_LINE) this.end();
  }

  #take(last: Buffer | null): string {
    if (last !== null && this.#restBytes === 0) return last.toString();
    const text = Buffer.concat(last === null ? this.#rest : [...this.#rest, last]).toString();
    this.#rest = [];
    this.#restBytes = 0;
    return text;
  }
}
