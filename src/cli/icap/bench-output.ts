// What `weir icap bench` shows: a line that moves while it runs (on a terminal only), then the figures,
// for people or as one JSON object.

import { formatDuration } from '../../config/units.ts';
import type { ServiceOptions } from '../../icap/client/options.ts';
import type { Phase } from '../../icap/load/phase.ts';
import type { LoadReport } from '../../icap/load/tally.ts';
import { targetUrl } from '../../icap/probe/target.ts';
import type { OutputStream } from '../terminal.ts';
import type { BenchSettings } from './bench-settings.ts';
import { type Paint, sizeText, visible } from './text.ts';

const REDRAW_MS = 200;
const BAR_WIDTH = 24; // characters
const CLEAR_LINE = '\r\u001b[K';
const BUSY_SHARE = 0.9; // of a core, from which on the generator may be the limit
const ENOUGH_FOR_P999 = 1000; // exchanges

/** What was sent, after OPTIONS was asked. */
export interface BenchRun {
  readonly settings: BenchSettings;
  readonly options: ServiceOptions;
  /** Bytes of body in the preview; null: no preview. */
  readonly preview: number | null;
}

/** A line that moves on a terminal; anywhere else nothing is printed. Dispose to erase it. */
export function progressLine(
  out: OutputStream,
  label: string,
  phase: () => Phase | null,
): { [Symbol.dispose](): void } {
  if (out.isTTY !== true) return { [Symbol.dispose]() {} };
  const draw = (): void => {
    const current = phase();
    if (current !== null) out.write(`${CLEAR_LINE}${progressText(label, current)}`);
  };
  const timer = setInterval(draw, REDRAW_MS);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      out.write(CLEAR_LINE);
    },
  };
}

function progressText(label: string, { progress, elapsedSeconds, tally }: Phase): string {
  const full = Math.round(progress * BAR_WIDTH);
  const bar = '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full);
  const p99 = tally.percentile(99);
  return [
    `${label} ${bar} ${(progress * 100).toFixed(0).padStart(3)} %`,
    `${grouped(tally.exchanges / Math.max(elapsedSeconds, 0.001))} /s`,
    ...(p99 === null ? [] : [`p99 ${milliseconds(p99)}`]),
    ...(tally.failed === 0 ? [] : [`${grouped(tally.failed)} failed`]),
  ].join('  ');
}

/** Lines for people. */
export function reportText(run: BenchRun, report: LoadReport, paint: Paint): string {
  const row = (name: string, text: string): string => `${name.padEnd(11)}${text}\n`;
  const { latencyMs: latency, errors, statuses, seconds } = report;
  let text = `${headline(run)}\n${loopText(run.settings, report)}\n\n`;
  text += row('exchanges', `${grouped(report.exchanges)} in ${seconds.toFixed(1)} s: ${rate(report)}`);
  if (latency !== null) {
    const enough = report.exchanges >= ENOUGH_FOR_P999;
    const shown = [
      `p50 ${milliseconds(latency.p50)}`,
      `p90 ${milliseconds(latency.p90)}`,
      `p99 ${milliseconds(latency.p99)}`,
      `p99.9 ${enough ? milliseconds(latency.p999) : '–'}`,
      `max ${milliseconds(latency.max)}`,
    ];
    text += row('latency', shown.join('   '));
  }
  const answers = Object.entries(statuses).map(([status, count]) => `${status}: ${grouped(count)}`);
  if (report.continues > 0) answers.push(`(after 100 Continue: ${grouped(report.continues)})`);
  text += row('answers', answers.length === 0 ? 'none' : answers.join('   '));
  text += row(
    'bytes',
    `sent ${volume(report.bytesSent, seconds)}, received ${volume(report.bytesReceived, seconds)}`,
  );
  if (errors.length === 0) return text + row('errors', paint('green', 'none'));
  text += row('errors', paint('red', `${grouped(report.failed)} exchanges failed`));
  for (const { kind, count, first } of errors) {
    text += row('', `${kind}: ${grouped(count)}, the first: ${visible(first)}`);
  }
  return text;
}

function headline({ settings, preview }: BenchRun): string {
  const { method, target, body, allow204, allow206 } = settings;
  const allow = [...(allow204 ? ['204'] : []), ...(allow206 ? ['206'] : [])];
  const parts = [`${method} ${targetUrl(target)}`];
  if (method === 'OPTIONS') return parts.join('');
  parts.push(body === null ? 'no body' : `body ${sizeText(body.length)}`);
  if (body !== null) parts.push(preview === null ? 'no preview' : `preview ${sizeText(preview)}`);
  parts.push(allow.length === 0 ? 'nothing allowed but 200' : `Allow: ${allow.join(', ')}`);
  return parts.join(', ');
}

function loopText({ connections, rate: perSecond, warmupMs }: BenchSettings, { ending }: LoadReport): string {
  const loop = perSecond === null ? 'closed loop' : `${grouped(perSecond)} exchanges a second`;
  const warmUp = warmupMs === 0 ? '' : `, after ${formatDuration(warmupMs)} of warm-up`;
  const stopped = ending === 'stopped' ? ', stopped early' : '';
  return `${connections} connection${connections === 1 ? '' : 's'}, ${loop}${warmUp}${stopped}`;
}

/** What casts doubt on the figures, a line each. */
export function doubts({ settings, options }: BenchRun, report: LoadReport): string[] {
  const lines: string[] = [];
  const { connections, rate: wanted } = settings;
  if (options.maxConnections !== null && connections > options.maxConnections) {
    lines.push(`${connections} connections, and the service asks for ${options.maxConnections} at most`);
  }
  if (report.unsent !== null && report.unsent > 0) {
    lines.push(
      `the service did not keep up with ${wanted} a second: ${grouped(report.unsent)} exchanges that were due never began (latency has the time that they had waited)`,
    );
  }
  if (settings.requests !== null && report.ending === 'duration') {
    lines.push(
      `time was up before ${grouped(settings.requests)} exchanges had begun: give a longer --duration`,
    );
  }
  if (wanted === null && report.seconds >= 1 && report.generatorShare > BUSY_SHARE) {
    const share = (report.generatorShare * 100).toFixed(0);
    lines.push(`this process was ${share} % busy: it may be the limit, and not the service`);
  }
  if (report.changed > 0) {
    lines.push(
      `${grouped(report.changed)} answers brought a body of another length (--same-body makes that an error)`,
    );
  }
  return lines;
}

/** One object for programs; `doubts` as above. */
export function reportJson(run: BenchRun, report: LoadReport): string {
  const { settings, options, preview } = run;
  const { target, method, connections, rate: perSecond, durationMs, warmupMs, requests } = settings;
  const described = {
    url: targetUrl(target),
    method,
    bodyBytes: settings.body?.length ?? null,
    preview,
    allow204: settings.allow204,
    allow206: settings.allow206,
    connections,
    rate: perSecond,
    durationMs,
    requests,
    warmupMs,
    istag: options.istag,
    maxConnections: options.maxConnections,
  };
  return `${JSON.stringify({ ...described, ...report, doubts: doubts(run, report) }, null, 2)}\n`;
}

const rate = ({ perSecond }: LoadReport): string =>
  perSecond < 100 ? `${perSecond.toFixed(1)} /s` : `${grouped(perSecond)} /s`;

const grouped = (count: number): string => Math.round(count).toLocaleString('en-US');

function milliseconds(time: number): string {
  if (time >= 10_000) return `${(time / 1000).toFixed(1)} s`;
  return `${time.toFixed(time < 10 ? 2 : time < 100 ? 1 : 0)} ms`;
}

function volume(bytes: number, seconds: number): string {
  const perSecond = seconds > 0 ? ` (${(bytes / 1e6 / seconds).toFixed(1)} MB/s)` : '';
  return `${sizeText(bytes)}${perSecond}`;
}
