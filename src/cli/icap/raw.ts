// The bytes of a connection for people: `>` what was sent, `<` what was received; heads as text, bodies as
// a hex dump that is cut with a count. Guesses nothing about meaning: lines are lines until a chunk size
// announces data.

import type { Transcript } from '../../icap/probe/wire-client.ts';
import { bytesText, visible } from './text.ts';

const DUMPED = 64; // bytes of a chunk shown
const DUMP_WIDTH = 16;
const LINE_SHOWN = 400; // characters of a line shown
const CHUNK_LINE = /^([0-9a-f]{1,13})[ \t]*(?:;.*)?$/i;

/** Lines to print, without line ends. */
export function renderTranscript(transcript: Transcript): string[] {
  const views = { sent: new DirectionView('>'), received: new DirectionView('<') };
  const lines: string[] = [];
  for (const { direction, bytes } of transcript.entries) lines.push(...views[direction].add(bytes));
  for (const direction of ['sent', 'received'] as const) {
    lines.push(...views[direction].end());
    const omitted = transcript.omitted[direction];
    if (omitted > 0) lines.push(`${views[direction].mark} … ${bytesText(omitted)} more ${direction}`);
  }
  return lines;
}

/** Follows one direction: lines, and behind a chunk size its data. */
class DirectionView {
  readonly mark: string;
  #line = ''; // without its end so far
  #inHead = false; // field lines follow until a blank one
  #heads = 0; // heads of this message still to come
  #left = 0; // bytes of the chunk's data still to come
  #dumped: Buffer = Buffer.alloc(0);
  #size = 0;

  constructor(mark: string) {
    this.mark = mark;
  }

  add(bytes: Buffer): string[] {
    const lines: string[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (this.#left > 0) {
        const piece = bytes.subarray(at, at + this.#left);
        if (this.#dumped.length < DUMPED) {
          this.#dumped = Buffer.concat([this.#dumped, piece.subarray(0, DUMPED - this.#dumped.length)]);
        }
        this.#left -= piece.length;
        at += piece.length;
        if (this.#left === 0) lines.push(...this.#dump(this.#size));
        continue;
      }
      const end = bytes.indexOf(0x0a, at);
      this.#line += bytes.toString('latin1', at, end < 0 ? bytes.length : end + 1);
      if (end < 0) break;
      at = end + 1;
      lines.push(...this.#finishLine());
    }
    return lines;
  }

  /** What is left when the connection is over. */
  end(): string[] {
    const lines = this.#left > 0 ? this.#dump(this.#size - this.#left) : [];
    this.#left = 0;
    if (this.#line !== '') lines.push(`${this.mark} ${shown(this.#line)} (no line end)`);
    this.#line = '';
    return lines;
  }

  #finishLine(): string[] {
    const crlf = this.#line.endsWith('\r\n');
    const text = this.#line.slice(0, crlf ? -2 : -1);
    this.#line = '';
    this.#follow(text);
    return [`${this.mark} ${shown(text)}${crlf ? '' : ' (LF alone)'}`.trimEnd()];
  }

  #follow(text: string): void {
    if (text === '') {
      if (this.#inHead && this.#heads > 0) this.#heads--;
      else this.#inHead = false;
      return;
    }
    const encapsulated = /^encapsulated:(.*)$/i.exec(text);
    if (this.#inHead) {
      if (encapsulated !== null) this.#heads = (encapsulated[1]!.match(/-hdr[ \t]*=/gi) ?? []).length;
      return;
    }
    const chunk = CHUNK_LINE.exec(text);
    if (chunk === null) {
      this.#inHead = true;
      return;
    }
    this.#size = Number.parseInt(chunk[1]!, 16);
    this.#left = this.#size;
    this.#dumped = Buffer.alloc(0);
  }

  #dump(size: number): string[] {
    const lines: string[] = [];
    for (let at = 0; at < this.#dumped.length; at += DUMP_WIDTH) {
      const row = this.#dumped.subarray(at, at + DUMP_WIDTH);
      const hex = row.toString('hex').replace(/..(?!$)/g, '$& ');
      const text = row.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
      lines.push(
        `${this.mark}   ${at.toString(16).padStart(4, '0')}  ${hex.padEnd(DUMP_WIDTH * 3 - 1)}  |${text}|`,
      );
    }
    const more = size - this.#dumped.length;
    if (more > 0) lines.push(`${this.mark}   … ${bytesText(more)} more`);
    return lines;
  }
}

function shown(text: string): string {
  const plain = visible(text.replace(/\r?\n$/, ''));
  return plain.length <= LINE_SHOWN ? plain : `${plain.slice(0, LINE_SHOWN)}… (${bytesText(text.length)})`;
}
