// What the `weir icap` commands print, and in which order when something fails: the bytes first, since
// they tell why, then the report or the error. With --json one object in either case.

import { isWeirError } from '../../errors.ts';
import type { RawHeaders } from '../../icap/codec/fields.ts';
import { headerLines } from '../../icap/probe/http-header.ts';
import type { WireClient, WireResponse } from '../../icap/probe/wire-client.ts';
import { exitCodeOf } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';
import type { ConnectionOptions } from './connection-options.ts';
import { renderTranscript } from './raw.ts';
import { bytesText, type Paint, timeText, visible } from './text.ts';

export interface Report {
  /** The connection to close in the end, whose bytes `--raw` prints. */
  watch(client: WireClient): void;
  json(object: object): void;
  lines(lines: readonly string[]): void;
}

/**
 * Runs a command's work, then prints what it reported.
 *
 * @param subject  first fields of the JSON object
 * @returns exit code: that of `work`, or with --json that of the error it threw
 * @throws what `work` throws, except that with --json errors of ours are printed as an object
 */
export async function reporting(
  options: ConnectionOptions,
  terminal: Terminal,
  subject: object,
  work: (report: Report) => Promise<number>,
): Promise<number> {
  let client: WireClient | null = null;
  let object: object = {};
  let text: readonly string[] = [];
  const print = (lines: readonly string[]): void => {
    if (lines.length > 0) terminal.stdout.write(`${lines.join('\n')}\n`);
  };
  const finish = (): void => {
    client?.close();
    const transcript = options.raw === true ? client?.transcript : undefined;
    if (options.json === true) {
      const bytes = transcript === undefined ? {} : { transcript: transcriptJson(transcript) };
      print([JSON.stringify({ ...subject, ...object, ...bytes }, null, 2)]);
    } else print([...(transcript === undefined ? [] : [...renderTranscript(transcript), '']), ...text]);
  };
  let exitCode: number;
  try {
    exitCode = await work({
      watch: (watched) => void (client = watched),
      json: (reported) => void (object = reported),
      lines: (reported) => void (text = reported),
    });
  } catch (error) {
    const named = options.json === true && isWeirError(error) ? error : null;
    if (named !== null) {
      const { code, message, remedy } = named;
      object = { ok: false, error: { code, message, remedy } };
    }
    finish();
    if (named === null) throw error;
    return exitCodeOf(named.code);
  }
  finish();
  return exitCode;
}

/** Facts of an answer for `--json`: `icap` and, if it carries a header, `http`. */
export function answerJson(answer: WireResponse): object {
  const { status, reason, headers, httpHeader } = answer;
  const lines = httpHeader === null ? [] : headerLines(httpHeader.bytes);
  return {
    icap: { status, reason, headers: pairs(headers), trailers: pairs(answer.icapTrailers) },
    http:
      httpHeader === null
        ? null
        : {
            kind: httpHeader.kind === 'req-hdr' ? 'request' : 'response',
            startLine: lines[0] ?? '',
            headers: lines.slice(1),
            trailers: pairs(answer.trailers),
          },
  };
}

function pairs(headers: RawHeaders): [string, string][] {
  const list: [string, string][] = [];
  for (let i = 0; i < headers.length; i += 2) list.push([headers[i]!, headers[i + 1]!]);
  return list;
}

function transcriptJson({ entries, omitted }: WireClient['transcript']): object {
  return {
    entries: entries.map(({ direction, atMs, bytes }) => ({
      direction,
      atMs,
      base64: bytes.toString('base64'),
    })),
    omitted,
  };
}

/** `note:` lines for oddities. */
export function noteLines(notes: readonly string[], paint: Paint): string[] {
  return notes.map((note) => paint('yellow', `note: ${visible(note)}`));
}

export function timingLine(client: WireClient, firstByteMs: number, ms: number): string {
  const tls = client.tlsMs === null ? '' : `, TLS ${timeText(client.tlsMs)}`;
  const total = client.connectMs + (client.tlsMs ?? 0) + ms;
  return `time: connect ${timeText(client.connectMs)}${tls}, first byte ${timeText(firstByteMs)}, total ${timeText(total)}`;
}

/** `12 bytes, SHA-256 ab…`. */
export function bodyText(bytes: number, sha256: string): string {
  return `${bytesText(bytes)}, SHA-256 ${sha256}`;
}
