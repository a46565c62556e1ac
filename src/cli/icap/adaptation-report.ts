// The report of one REQMOD or RESPMOD: verdict first, then what the server said, what it changed, and how
// long it took; as lines for people or as an object for programs.

import { chunkExtension } from '../../icap/codec/chunked.ts';
import type { ProbeMessage, ProbeOutcome } from '../../icap/probe/exchange.ts';
import { headerLines } from '../../icap/probe/http-header.ts';
import type { WireClient } from '../../icap/probe/wire-client.ts';
import type { Terminal } from '../terminal.ts';
import { explainFields } from './explain.ts';
import { answerJson, bodyText, noteLines, timingLine } from './report.ts';
import { bytesText, type Paint, painter, visible } from './text.ts';
import type { Verdict } from './verdict.ts';

export interface Adapted {
  readonly client: WireClient;
  readonly message: ProbeMessage;
  readonly outcome: ProbeOutcome;
  readonly verdict: Verdict;
  /** Of the adapted body. */
  readonly sha256: string;
  /** File with the adapted body as the user named it, or null. */
  readonly out: string | null;
}

const COLOUR_OF = { pass: 'green', modify: 'yellow', block: 'red', fail: 'red' } as const;

export function adaptationLines(adapted: Adapted, terminal: Terminal): string[] {
  const { client, message, outcome, verdict } = adapted;
  const paint = painter(terminal.stdout);
  const { answer } = outcome;
  return [
    paint(COLOUR_OF[verdict.kind], verdict.text),
    `ICAP/${answer.version} ${visible(`${answer.status} ${answer.reason}`.trim())}`,
    ...explainFields(answer.headers),
    ...(answer.icapTrailers.length === 0 ? [] : ['behind the body:', ...explainFields(answer.icapTrailers)]),
    ...headerReport(adapted, paint),
    ...(message.body === null ? [] : [sentLine(message, outcome)]),
    ...resultLine(adapted),
    ...noteLines(outcome.notes, paint),
    timingLine(client, outcome.firstByteMs, outcome.ms),
  ];
}

function headerReport({ verdict, outcome: { answer } }: Adapted, paint: Paint): string[] {
  if (answer.httpHeader === null) return [];
  const kind = answer.httpHeader.kind === 'req-hdr' ? 'request' : 'response';
  if (verdict.header === null) {
    const lines = headerLines(answer.httpHeader.bytes).map((line) => paint('green', `+ ${visible(line)}`));
    return [`HTTP ${kind}:`, ...lines.map((line) => `  ${line}`)];
  }
  return [
    `HTTP ${kind} (- sent, + came back):`,
    ...verdict.header.map(({ mark, text }) => {
      const shown = visible(text);
      if (mark === 'same') return `    ${shown}`;
      return mark === 'removed' ? `  ${paint('red', `- ${shown}`)}` : `  ${paint('green', `+ ${shown}`)}`;
    }),
  ];
}

/** How much of the body the server has seen. */
function sentLine({ body }: ProbeMessage, { preview, bodySent, continued, early }: ProbeOutcome): string {
  const size = body!.size;
  const how: string[] = [];
  if (preview !== null) {
    if (preview.ieof) how.push(`all in the preview of ${preview.offered} (ieof)`);
    else if (continued) how.push(`a preview of ${preview.sent}, then the rest after 100 Continue`);
    else how.push(`the preview was enough`);
  }
  if (early) how.push('answered before the end was sent');
  const shown = bodySent === size ? bytesText(size) : `${bodySent} of ${bytesText(size)}`;
  return `sent: ${shown}${how.length === 0 ? '' : `, ${how.join('; ')}`}`;
}

function resultLine({ outcome, sha256, verdict, out, message }: Adapted): string[] {
  const { assembled, resultBytes, answer } = outcome;
  if (assembled === 'none') return [];
  const where = out === null ? '' : `, in ${out}`;
  if (assembled === 'original') {
    return message.body === null ? [] : [`result: the original, ${bodyText(resultBytes, sha256)}${where}`];
  }
  if (message.body === null && resultBytes === 0) return [];
  const from = chunkExtension(answer.lastChunkExtension, 'use-original-body');
  const how = assembled === 'both' ? ` (new bytes, then the original from ${from ?? '0'} on)` : '';
  const same = verdict.bodyChanged === false ? ', the same as sent' : '';
  return [`result: ${bodyText(resultBytes, sha256)}${how}${same}${where}`];
}

/** @param expected  verdict that the user expects, or null */
export function adaptationJson(adapted: Adapted, expected: string | null): object {
  const { client, message, outcome, verdict, sha256, out } = adapted;
  const { preview, continued, bodySent, early, assembled, resultBytes, notes, firstByteMs, ms } = outcome;
  return {
    ok: verdict.kind !== 'fail',
    verdict: verdict.kind,
    asExpected: expected === null ? null : expected === verdict.kind,
    summary: verdict.text,
    threat: verdict.threat,
    ...answerJson(outcome.answer),
    headerChanges: verdict.header?.filter(({ mark }) => mark !== 'same') ?? null,
    body: {
      size: message.body?.size ?? null,
      sent: bodySent,
      preview,
      continued,
      answeredEarly: early,
    },
    result:
      assembled === 'none'
        ? null
        : { from: assembled, bytes: resultBytes, sha256, changed: verdict.bodyChanged, file: out },
    notes,
    timing: { connectMs: client.connectMs, tlsMs: client.tlsMs, firstByteMs, ms },
  };
}
