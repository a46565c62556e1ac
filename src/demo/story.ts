// How a scenario is told on a terminal: its six steps, what had to be true, and whether it was; and all of
// them as a table. 80 columns unless the terminal says otherwise; colours and symbols only where it may.

import { colours, type Paint } from '../telemetry/terminal-line.ts';
import type { Act, ScenarioResult, Verdict } from './scenario.ts';
import { sixSteps } from './six-steps.ts';

export interface StoryLook {
  readonly columns: number;
  readonly colours: boolean;
}

const COLOUR = {
  allowed: 'green',
  modified: 'yellow',
  bypassed: 'yellow',
  blocked: 'red',
  error: 'red',
} as const satisfies Record<Verdict, string>;
const INDENT = '   ';
const NAME_WIDTH = 9;
const MIN_COLUMNS = 40;

/** Some twenty lines, with an empty one behind. @param number  from 1 */
export function formatScenario(result: ScenarioResult, number: number, look: StoryLook): string {
  const paint = colours(look.colours);
  const { scenario, played, failure } = result;
  const lines = [
    heading(`${number}  ${scenario.title}`, result.ok, look, paint),
    ...wrapped(scenario.about, INDENT, INDENT, look).map((line) => paint(line, 'dim')),
  ];
  for (const act of played?.acts ?? []) lines.push('', ...actLines(act, look, paint));
  if (failure !== null) lines.push('', ...wrapped(`failed: ${failure}`, INDENT, INDENT, look));
  lines.push('');
  for (const { what, ok } of played?.checks ?? []) {
    lines.push(
      ...wrapped(`${mark(ok, look, paint)} ${ok ? what : `NOT TRUE: ${what}`}`, INDENT, `${INDENT}  `, look),
    );
  }
  for (const { expected, trace, ok } of played?.acts ?? []) {
    const verdict = paint(trace.verdict, COLOUR[trace.verdict as Verdict]);
    lines.push(`${INDENT}${mark(ok, look, paint)} expected ${expected}, seen ${verdict}`);
  }
  return `${lines.join('\n')}\n\n`;
}

/** One line a scenario, and one that sums up. */
export function formatSummary(results: readonly ScenarioResult[], look: StoryLook): string {
  const paint = colours(look.colours);
  const width = Math.max(...results.map(({ scenario }) => scenario.title.length));
  const rows = results.flatMap((result, index) => {
    const { scenario, played, ok, ms } = result;
    const threat = played?.acts.find(({ trace }) => trace.threat !== null)?.trace.threat ?? null;
    const note = threat === null ? '' : `  ${threat.blade ?? threat.name}`;
    const start = ` ${mark(ok, look, paint)} ${String(index + 1).padStart(2)}  ${scenario.title.padEnd(width)}  `;
    return verdictsOf(result).map(([expected, seen], act) => {
      const colour = COLOUR[seen as Verdict] ?? 'red';
      const cells = `${expected.padEnd(9)} ${paint(seen.padEnd(8), colour)}`;
      if (act > 0) return `${' '.repeat(printedLength(start))}${cells}`.trimEnd();
      return `${start}${cells}${paint(`${`${Math.round(ms)} ms`.padStart(8)}${note}`, 'dim')}`;
    });
  });
  const head = `   ${'#'.padStart(2)}  ${'scenario'.padEnd(width)}  expected  seen`;
  const right = results.filter(({ ok }) => ok).length;
  const total =
    right === results.length
      ? `All ${right} scenarios ended as expected.`
      : `${right} of ${results.length} scenarios ended as expected.`;
  return [paint(head, 'dim'), ...rows, '', total, ''].join('\n');
}

/** What was expected and seen of each transaction; `failed` where it was not played. */
function verdictsOf({ played }: ScenarioResult): (readonly [expected: string, seen: string])[] {
  if (played === null) return [['-', 'failed']];
  return played.acts.map(({ expected, trace }) => [expected, trace.verdict] as const);
}

function actLines({ label, trace }: Act, look: StoryLook, paint: Paint): string[] {
  const { request, id, incident } = trace;
  const lines = [
    ...(label === null ? [] : wrapped(label, INDENT, INDENT, look)),
    ...wrapped(`${request.method} ${request.url}`, INDENT, `${INDENT}  `, look),
  ];
  for (const { step, name, lines: told } of sixSteps(trace)) {
    const start = `${INDENT}${step} ${name.padEnd(NAME_WIDTH)}`;
    told.forEach((line, index) => {
      const first = index === 0 ? start : ' '.repeat(start.length);
      const fitting = wrapped(line, first, ' '.repeat(start.length), look);
      lines.push(...fitting.map((text) => withVerdict(text, paint)));
    });
  }
  const shown = incident === null ? '' : `, shown to the user as ${incident}`;
  lines.push(...wrapped(`noted as ${id}${shown}`, INDENT, INDENT, look).map((line) => paint(line, 'dim')));
  return lines;
}

/** The verdict of a service in its colour. */
function withVerdict(text: string, paint: Paint): string {
  return text
    .replace(/(?<=: )(allowed|blocked|modified)(?=,)/, (word) => paint(word, COLOUR[word as Verdict]))
    .replace(/(?<=: )failed(?= after)/, (word) => paint(word, 'red'));
}

function heading(text: string, ok: boolean, look: StoryLook, paint: Paint): string {
  const columns = Math.max(MIN_COLUMNS, look.columns);
  const end = ok ? 'as expected' : 'NOT AS EXPECTED';
  const rule = (look.colours ? '─' : '-').repeat(Math.max(2, columns - text.length - end.length - 5));
  return `${text} ${paint(rule, 'dim')} ${mark(ok, look, paint)} ${paint(end, ok ? 'green' : 'red')}`;
}

function mark(ok: boolean, look: StoryLook, paint: Paint): string {
  if (!look.colours) return ok ? '+' : '!';
  return paint(ok ? '✔' : '✘', ok ? 'green' : 'red');
}

/** Breaks text at spaces so that it fits; a word that is too long stays whole. */
function wrapped(text: string, first: string, rest: string, look: StoryLook): string[] {
  const columns = Math.max(MIN_COLUMNS, look.columns);
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.split(' ')) {
    if (!isEmpty && printedLength(line) + 1 + printedLength(word) > columns) {
      lines.push(line);
      line = rest;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}

const printedLength = (text: string): number => text.replace(/\u001b\[\d+m/g, '').length;
