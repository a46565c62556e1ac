// The rows of the interception suite as a table and as the page docs/performance-interception.md. Pure.
import type { Machine } from '../host/requirements.ts';
import type { Measurement } from '../measure.ts';
import { FOREIGN_LIMIT, LOAD_LIMIT } from '../report/summary.ts';
import { markdownLines, type Table } from '../report/table.ts';
import { formatMicros, formatRate, median } from '../stats.ts';
import type { Comparison, Variant } from './works.ts';

export interface RowResult {
  readonly comparison: Comparison;
  /** Of the two variants, one for each round. */
  readonly measurements: readonly [readonly Measurement[], readonly Measurement[]];
}

export interface Failure {
  readonly row: string;
  readonly reason: string;
}

const LARGE = 64 * 1024; // bytes from which on a rate in bytes says more

/** Median over the rounds of the ratios within each round. */
export function ratioOf({ comparison, measurements }: RowResult): number {
  const [first, second] = measurements;
  const ratios = second.map((measured, round) =>
    comparison.figure === 'cpu'
      ? first[round]!.cpuMicros / measured.cpuMicros
      : measured.p99Ms / first[round]!.p99Ms,
  );
  return median(ratios);
}

export function isMet(row: RowResult): boolean {
  const { figure, target } = row.comparison;
  return figure === 'cpu' ? ratioOf(row) >= target : ratioOf(row) <= target;
}

function cellOf({ title, work }: Variant, measured: readonly Measurement[]): string {
  const of = (key: 'cpuMicros' | 'perSecond' | 'bytesPerSecond' | 'p50Ms' | 'p99Ms' | 'loadShare'): number =>
    median(measured.map((one) => one[key]));
  const rate =
    work.bodyBytes >= LARGE ? `${(of('bytesPerSecond') / 1e6).toFixed(0)} MB/s` : formatRate(of('perSecond'));
  const bound = of('loadShare') > LOAD_LIMIT ? ' *' : '';
  const times = [of('p50Ms'), of('p99Ms')].map((milliseconds) => formatMicros(milliseconds * 1000));
  return `${title}: ${formatMicros(of('cpuMicros'))}, ${rate}${bound}; ${times.join(' / ')}`;
}

/** Both sides of every row, their ratio, and whether the target is met. */
export function rowsTable(results: readonly RowResult[]): Table {
  const lines = results.map((row) => {
    const { comparison, measurements } = row;
    const sign = comparison.figure === 'cpu' ? 'CPU ≥' : 'p99 ≤';
    return [
      comparison.title,
      cellOf(comparison.variants[0], measurements[0]),
      cellOf(comparison.variants[1], measurements[1]),
      ratioOf(row).toFixed(2),
      `${sign} ${comparison.target}: ${isMet(row) ? 'met' : 'missed'}`,
    ];
  });
  return [['work', 'against', 'measured', 'ratio', 'target'], ...lines];
}

const NOTES = `- A cell is CPU time per exchange, throughput, and p50 / p99 of an exchange: medians over the rounds. CPU time is user and system time of all of a side's processes.
- A ratio of CPU time is that of the left side divided by that of the right one (2 means half the CPU time), a ratio of p99 the other way round; each is the median of the ratios within a round.
- Server and load are pinned to a core each. Where load generator and origin had theirs more than 93 % busy a \`*\` marks the throughput, which then is a lower bound.
- The proxy scans with the \`echo\` service of its own gateway, REQMOD and RESPMOD, in the rows that say scanned. The origin is nginx by HTTP/1.1 over TLS.
- Tunnels that are passed on carry the TLS of client and origin: \`proxy.tls.rules\` with \`splice\` for everything, and \`ssl_bump splice all\` behind \`peek step1\` with Squid.
- Latency is that of a closed loop: what is under way at any time is constant, so p99 grows with what one exchange costs.`;

/** @returns Markdown, with its last line end */
export function interceptionPage(
  results: readonly RowResult[],
  machine: Machine,
  rounds: number,
  date: string,
): string {
  const all = results.flatMap(({ measurements }) => measurements.flat());
  const disturbed = all.filter(({ foreignShare }) => foreignShare > FOREIGN_LIMIT).length;
  return `${[
    '# Performance of interception',
    '',
    'Written by `npm run bench -- --suite interception`; do not edit by hand. New tunnels, never-seen names and idle tunnels: [performance.md](performance.md).',
    '',
    `Machine: ${machine.cpu}, ${machine.cores} cores; Node ${machine.node}; Squid ${machine.squid ?? '–'}; ${machine.origin}; ${date}; ${rounds} round${rounds === 1 ? '' : 's'}.`,
    '',
    ...markdownLines(rowsTable(results)),
    '',
    '## How to read it',
    '',
    NOTES,
    ...(disturbed === 0
      ? []
      : [
          `- In this run other processes took more than 10 % of the tested core during ${disturbed} of ${all.length} measurements.`,
        ]),
    '',
    '## How to run it',
    '',
    'On Linux with two cores: `apt-get install squid-openssl c-icap nginx-light`, then `npm run bench -- --suite interception`. Options: [bench/README.md](../bench/README.md).',
  ].join('\n')}\n`;
}
