// Protocol vectors: reads the Markdown pages under test/vectors and decodes ICAP answers for comparison.
// The decoder is written for the tests alone and shares no code with src, so that one mistake cannot
// hide another. How a page is to be read stands at its top.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export interface Frame {
  /** Who sends: the client or the server. */
  readonly side: 'C' | 'S';
  readonly order: number;
  readonly bytes: Buffer;
  /** What the page claims; the harness checks it. */
  readonly length: number;
  readonly sha256: string;
}

export interface Vector {
  readonly id: string;
  readonly title: string;
  /** What must exist before all of it can run; null when nothing is missing. */
  readonly awaits: string | null;
  /** The page says *Whole only*: the dialogue makes no sense when its requests are cut. */
  readonly whole: boolean;
  /** In the order of the dialogue. */
  readonly frames: readonly Frame[];
}

const HEADING = /^## (\S+) (.*)$/;
const FENCE = /^```icap (\S+) ([CS])(\d+) len=(\d+) sha256=([0-9a-f]+)$/;

/** Reads `test/vectors/<name>`. Throws where a page is not written as the harness expects. */
export async function readVectors(name: string): Promise<Vector[]> {
  const page = await readFile(fileURLToPath(new URL(`../vectors/${name}`, import.meta.url)), 'latin1');
  const vectors: (Omit<Vector, 'awaits' | 'whole' | 'frames'> & {
    awaits: string | null;
    whole: boolean;
    frames: Frame[];
  })[] = [];
  const lines = page.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const heading = HEADING.exec(lines[at]!);
    if (heading !== null)
      vectors.push({ id: heading[1]!, title: heading[2]!, awaits: null, whole: false, frames: [] });
    const current = vectors.at(-1);
    if (current !== undefined && lines[at]!.startsWith('Awaits: ')) current.awaits = lines[at]!.slice(8);
    if (current !== undefined && lines[at]!.startsWith('Whole only: ')) current.whole = true;
    if (!lines[at]!.startsWith('```')) continue;
    const fence = FENCE.exec(lines[at]!);
    if (fence === null || current === undefined || fence[1] !== current.id)
      throw new Error(`${name}:${at + 1}: not a vector's fence`);
    let text = '';
    for (at++; lines[at] !== '```'; at++) {
      if (lines[at] === undefined) throw new Error(`${name}: a fence is not closed`);
      text += `${lines[at]!}\r\n`;
    }
    current.frames.push({
      side: fence[2] as 'C' | 'S',
      order: Number(fence[3]),
      bytes: Buffer.from(text, 'latin1'),
      length: Number(fence[4]),
      sha256: fence[5]!,
    });
  }
  return vectors;
}

/** Length and shortened digest as the page writes them. */
export function fingerprint(bytes: Buffer, digits = 12): { length: number; sha256: string } {
  return { length: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex').slice(0, digits) };
}

/** An ICAP answer in comparable form. */
export interface Answer {
  readonly status: number;
  /** `name: value` with the name in lower case, sorted; without Date, Server and keep-alive. */
  readonly fields: readonly string[];
  /** Encapsulated header sections, byte for byte. */
  readonly sections: string;
  readonly body: string | null;
  /** Extension of the last chunk. */
  readonly extension: string;
  readonly trailers: string;
  /** The block behind the message that `Trailer` announces; null where it announces none. */
  readonly icapTrailer: string | null;
}

/** Reads the first answer in `bytes`; null while it is not complete. */
export function decodeAnswer(bytes: Buffer): { answer: Answer; length: number } | null {
  const text = bytes.toString('latin1');
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const lines = text
    .slice(0, headEnd)
    .replace(/\r\n([ \t])/g, '\n$1')
    .split('\r\n');
  const status = /^ICAP\/1\.0 (\d{3})(?: |$)/.exec(lines[0]!)?.[1];
  if (status === undefined) throw new Error(`not an ICAP answer: ${JSON.stringify(text.slice(0, 200))}`);
  const fields = lines.slice(1).map((line) => {
    const colon = line.indexOf(':');
    return `${line.slice(0, colon).toLowerCase()}: ${line.slice(colon + 1).trim()}`;
  });
  const encapsulated = fields.find((field) => field.startsWith('encapsulated: ')) ?? '';
  const last = /(\w+)-(?:body)=(\d+)$/.exec(encapsulated);
  let at = headEnd + 4;
  const sections = text.slice(at, at + Number(last?.[2] ?? 0));
  if (sections.length < Number(last?.[2] ?? 0)) return null;
  at += sections.length;
  const shown = fields.filter((field) => !/^(date|server): |^connection: keep-alive$/i.test(field)).sort();
  const head = { status: Number(status), fields: shown, sections };
  const announced = shown.some((field) => field.startsWith('trailer: '));
  if (last === null || last[1] === 'null') {
    return withIcapTrailer({ ...head, body: null, extension: '', trailers: '' }, text, at, announced);
  }
  let body = '';
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const line = /^([0-9a-fA-F]+)(?:; *(.*))?$/.exec(text.slice(at, lineEnd));
    if (line === null) throw new Error(`not a chunk line: ${JSON.stringify(text.slice(at, lineEnd))}`);
    const size = parseInt(line[1]!, 16);
    at = lineEnd + 2;
    if (size === 0) {
      const end = text.startsWith('\r\n', at) ? at - 2 : text.indexOf('\r\n\r\n', at);
      if (end < 0) return null;
      const trailers = text.slice(at, Math.max(at, end + 2));
      const answer = { ...head, body, extension: line[2] ?? '', trailers };
      return withIcapTrailer(answer, text, end + 4, announced);
    }
    if (text.length < at + size + 2) return null;
    body += text.slice(at, at + size);
    if (text.slice(at + size, at + size + 2) !== '\r\n') throw new Error('a chunk does not end in CR LF');
    at += size + 2;
  }
}

function withIcapTrailer(
  answer: Omit<Answer, 'icapTrailer'>,
  text: string,
  at: number,
  announced: boolean,
): { answer: Answer; length: number } | null {
  if (!announced) return { answer: { ...answer, icapTrailer: null }, length: at };
  if (text.startsWith('\r\n', at)) return { answer: { ...answer, icapTrailer: '' }, length: at + 2 };
  const end = text.indexOf('\r\n\r\n', at);
  if (end < 0) return null;
  return { answer: { ...answer, icapTrailer: text.slice(at, end + 2) }, length: end + 4 };
}

/** All answers in `bytes`, which must hold nothing else. */
export function decodeAnswers(bytes: Buffer): Answer[] {
  const answers: Answer[] = [];
  for (let at = 0; at < bytes.length;) {
    const found = decodeAnswer(bytes.subarray(at));
    if (found === null) throw new Error(`incomplete answer: ${JSON.stringify(bytes.toString('latin1', at))}`);
    answers.push(found.answer);
    at += found.length;
  }
  return answers;
}
