// How an examination is printed: what the server can do and what to do about it on top, then a table of
// all checks by group, with the bytes and the rule for each that did not pass.

import type { Capabilities, Check, CheckReport, DoctorReport, Status } from '../../icap/doctor/types.ts';
import type { OutputStream } from '../terminal.ts';
import { columns, type Paint, painter, timeText, visible } from './text.ts';

const COLOUR = { pass: 'green', fail: 'red', warn: 'yellow', skip: 'grey' } as const;
const TITLE_WIDTH = 64; // columns

/** `[12/175] preview.zero`. */
export function progressLine(check: Check, index: number, total: number): string {
  return `[${index + 1}/${total}] ${check.id}`;
}

/** All checks with what they send, by group. */
export function listText(checks: readonly Check[]): string {
  const lines = checks.flatMap((check, index) => [
    ...(checks[index - 1]?.group === check.group ? [] : [`${index === 0 ? '' : '\n'}${check.group}`]),
    `  ${check.level.padEnd(6)}  ${check.id}${check.intrusive === true ? ' (only with --intrusive)' : ''}: ${check.title}`,
    `          ${check.sends} ${check.clause}.`,
  ]);
  return `${lines.join('\n')}\n\n${checks.length} checks\n`;
}

export interface ReportTextOptions {
  /** Bytes of every check, also of those that passed. */
  readonly raw: boolean;
  /** Only checks that failed or warn. */
  readonly problems: boolean;
}

/** The whole report; coloured where `stream` is a terminal. */
export function reportText(report: DoctorReport, options: ReportTextOptions, stream: OutputStream): string {
  const paint = painter(stream);
  const { summary, capabilities, advice, checks } = report;
  const lines: string[] = [`${report.url}: ${visible(nameOf(report))}`];
  if (summary.reached && capabilities.istag !== null) lines.push(...capabilityLines(capabilities));
  if (advice.length > 0) lines.push('', 'Advice', ...advice.map((text) => `  - ${text}`));
  const shown = options.problems
    ? checks.filter(({ status }) => status === 'fail' || status === 'warn')
    : summary.reached
      ? checks
      : checks.filter(({ status }) => status !== 'skip');
  shown.forEach((check, index) => {
    if (shown[index - 1]?.group !== check.group) lines.push('', check.group);
    lines.push(...checkLines(check, options.raw, paint));
  });
  lines.push('', summaryLine(report, paint));
  return `${lines.join('\n')}\n`;
}

function nameOf({ summary, capabilities, checks }: DoctorReport): string {
  if (!summary.reached) {
    return `not reached: ${checks.find(({ status }) => status === 'fail')?.saw ?? checks[0]?.saw ?? 'no connection'}`;
  }
  const { product, service } = capabilities;
  if (product === null) return service ?? 'unknown product';
  return service === null || service === product ? product : `${product} (${service})`;
}

function capabilityLines(it: Capabilities): string[] {
  const allow = [it.allow204 && '204', it.allow206 && '206', it.allowTrailers && 'trailers'].filter(Boolean);
  const rows: [string, string][] = [
    ['methods', it.methods.join(', ') || 'not named'],
    ['preview', it.preview === null ? 'none' : `${it.preview} bytes`],
    ['offers', allow.join(', ') || 'neither 204, 206 nor trailers'],
    ['connections', it.maxConnections === null ? 'no limit named' : `${it.maxConnections} at most`],
    ['persistent', yesNo(it.persistent)],
    ['OPTIONS hold', it.optionsTtlSeconds === null ? 'for an unnamed time' : `${it.optionsTtlSeconds} s`],
    ['ISTag', it.istag ?? 'none'],
    [
      'finds EICAR',
      `${yesNo(it.detects.plain)}; in gzip: ${yesNo(it.detects.gzip)}; in ZIP: ${yesNo(it.detects.zip)}`,
    ],
  ];
  const of = (holds: boolean): string[] =>
    Object.entries(it.tolerates).flatMap(([name, value]) => (value === holds ? [name] : []));
  if (of(true).length > 0) rows.push(['tolerates', of(true).join(', ')]);
  if (of(false).length > 0) rows.push(['not', of(false).join(', ')]);
  const { options, message } = it.latencyMs;
  if (options !== null) rows.push(['OPTIONS take', timeText(options)]);
  if (message !== null) rows.push(['1 KiB takes', timeText(message)]);
  return columns(rows.map(([label, text]) => [label, visible(text)]));
}

function yesNo(value: boolean | null): string {
  return value === null ? 'not examined' : value ? 'yes' : 'no';
}

function checkLines(check: CheckReport, raw: boolean, paint: Paint): string[] {
  const { status, title, saw, id, level, clause, means, sent, received } = check;
  const word = paint(COLOUR[status], status.toUpperCase());
  const line = `  ${word}  ${title.padEnd(TITLE_WIDTH)}  ${visible(saw)}`;
  const bytes = [
    ...(sent === '' ? [] : [['sent', sent] as const]),
    ...(received === '' && sent === '' ? [] : [['got', received || '(nothing)'] as const]),
  ];
  if (means === null) return [line, ...(raw ? detail(bytes) : [])];
  const facts = [['id', `${id} (${level})`], ['means', means], ['rule', clause], ...bytes] as const;
  return [line, ...detail(facts)];
}

function detail(rows: readonly (readonly [label: string, text: string])[]): string[] {
  return rows.map(([label, text]) => `          ${label.padEnd(5)} ${visible(text)}`);
}

function summaryLine({ summary }: DoctorReport, paint: Paint): string {
  const part = (status: Status, word: string): string => {
    const text = `${summary[status]} ${word}`;
    return summary[status] === 0 ? text : paint(COLOUR[status], text);
  };
  const counts = [
    part('pass', 'passed'),
    part('fail', 'failed'),
    part('warn', 'warnings'),
    part('skip', 'skipped'),
  ];
  const cost = `${summary.connections} connections, ${summary.bytesSent} bytes, ${timeText(summary.ms)}`;
  return `${counts.join(', ')} (${cost})`;
}
