// The rows of a run as tables of text and as the page docs/performance-icap-server.md.
import type { Machine } from '../host/requirements.ts';
import { LOAD_LIMIT } from '../report/summary.ts';
import { markdownLines, type Table } from '../report/table.ts';
import { formatBytes, formatMicros, formatRate } from '../stats.ts';
import {
  disturbedShareOf,
  type ServerCell,
  type ServerRow,
  type ServerRunResult,
  summarizeScaling,
  summarizeServers,
} from './summary.ts';
import { CONNECTIONS, SCALING_TARGET, SERVER_TITLES, type ServerId, type ServerWork } from './works.ts';

const MISSING = '–';

const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
const decimal = (ratio: number | undefined): string => (ratio === undefined ? MISSING : ratio.toFixed(2));

function rateOf(cell: ServerCell, work: ServerWork): string {
  const large = (work.bodyBytes ?? 0) >= 64 * 1024;
  const volume = large ? `, ${(cell.bytesPerSecond / 1e6).toFixed(0)} MB/s` : '';
  return `${formatRate(cell.perSecond)}${volume}${cell.loadShare > LOAD_LIMIT ? ' *' : ''}`;
}

/** What the server answered: `204`, `200`, or the shares of each; `100 +` where it asked for the rest. */
function answersOf({ share204, shareContinued }: ServerCell, { method }: ServerWork): string {
  if (method === 'OPTIONS') return '200';
  const statuses =
    share204 > 0.99
      ? '204'
      : share204 < 0.01
        ? '200'
        : `204: ${percent(share204)}, 200: ${percent(1 - share204)}`;
  if (shareContinued < 0.01) return statuses;
  return shareContinued > 0.99
    ? `100, then ${statuses}`
    : `${statuses}, after 100: ${percent(shareContinued)}`;
}

function failedIn(result: ServerRunResult, peer: ServerId, work: string): boolean {
  return result.failures.some((failure) => failure.peer === peer && [work, 'start'].includes(failure.work));
}

function cellText(
  row: ServerRow,
  peer: ServerId,
  result: ServerRunResult,
  text: (cell: ServerCell) => string,
): string {
  const cell = row.cells.get(peer);
  if (cell !== undefined) return text(cell);
  return failedIn(result, peer, row.work.id) ? 'failed' : MISSING;
}

function targetOf({ work, met, cpuRatio }: ServerRow): string {
  const outcome = met === undefined ? '' : met ? ': met' : ': missed';
  const wanted = cpuRatio !== undefined && cpuRatio >= work.wanted ? ', and the wanted' : ', wanted';
  return `≥ ${work.target}${outcome}${wanted} ${work.wanted}`;
}

/** CPU per exchange and throughput, the ratio, and whether the target is met. */
export function ratioTable(rows: readonly ServerRow[], result: ServerRunResult): Table {
  const titles = result.peers.map((peer) => SERVER_TITLES[peer]);
  const lines = rows.map((row) => [
    row.work.title,
    ...result.peers.map((peer) =>
      cellText(row, peer, result, (cell) => `${formatMicros(cell.cpuMicros)}, ${rateOf(cell, row.work)}`),
    ),
    row.cpuRatio === undefined ? MISSING : `${decimal(row.cpuRatio)} (${decimal(row.rateRatio)})`,
    targetOf(row),
  ]);
  return [['exchange', ...titles, 'ratio', 'target'], ...lines];
}

/** What was answered, latency, memory, and how busy the load generator was. */
export function answersTable(rows: readonly ServerRow[], result: ServerRunResult): Table {
  const head = ['exchange', ...result.peers.map((peer) => SERVER_TITLES[peer]), 'p99 against c-icap'];
  const lines = rows.map((row) => [
    row.work.title,
    ...result.peers.map((peer) =>
      cellText(row, peer, result, (cell) => {
        const times = [cell.p50Ms, cell.p99Ms].map((milliseconds) => formatMicros(milliseconds * 1000));
        return `${answersOf(cell, row.work)}; ${times.join(' / ')}; ${formatBytes(cell.rssBytes)}; ${percent(cell.loadShare)}`;
      }),
    ),
    row.p99Ratio === undefined
      ? MISSING
      : `${decimal(row.p99Ratio)}${row.p99Ratio <= 1 ? ': no worse' : ': worse'}`,
  ]);
  return [head, ...lines];
}

/** Two workers against one; empty when they were not measured. */
export function scalingTable(result: ServerRunResult): Table {
  const rows = summarizeScaling(result);
  if (rows.length === 0) return [];
  const cost = (cell: ServerCell, work: ServerWork): string =>
    `${formatMicros(cell.cpuMicros)}, ${rateOf(cell, work)}`;
  const lines = rows.map(({ work, one, two, limitedRatio, measuredRatio, processes, balance, met }) => [
    work.title,
    cost(one, work),
    cost(two, work),
    processes < 2 ? 'one process only' : `${processes}, ${percent(balance)}`,
    decimal(limitedRatio),
    decimal(measuredRatio),
    met === undefined ? 'not in this version' : `≥ ${SCALING_TARGET}: ${met ? 'met' : 'missed'}`,
  ]);
  const head = [
    'exchange',
    'one worker',
    'two workers',
    'processes, balance',
    'CPU-limited',
    'measured',
    'target',
  ];
  return [head, ...lines];
}

const NOTES = `- **Ratios are the claim**: c-icap's CPU time per exchange divided by Weir's (2 means half the CPU time), throughput in parentheses. Each is the median over the rounds of the ratios within a round. CPU time is user and system time of all of a server's processes.
- Server and load generator are pinned to a core each. Where the generator had its core more than 93 % busy a \`*\` marks the throughput, which then is a lower bound.
- **The answers differ.** c-icap's \`echo\` says 204 to every other RESPMOD with a preview, and else asks for the body and sends it back; without a preview it always sends it back. Weir's says 204 whenever the request allows it, in the preview already. The column of answers has the shares. So where 204 is allowed the ratio compares what each service does with a message, not the same work; where it is not allowed both do the same.
- "100 Continue always" is a service of Weir with a plugin that wants every body whole, as a scan does. c-icap has none like it: it does what it does in the row above, so that half of its exchanges move no body and half move one twice. Hence the lower target.
- Latency is that of a closed loop: with ${CONNECTIONS} exchanges under way at any time, whoever serves more of them a second also waits less for each.
- Every answer is checked: its status must be allowed by the request, and a body that comes back must be as long as the one that was sent. One wrong answer voids the measurement.
- c-icap runs with 3 processes of 10 threads, Weir's gateway as one process (\`gateway.workers.min: 0\`), except in the comparison of workers.`;

const scalingNote = (result: ServerRunResult): string =>
  result.loadApart
    ? 'Workers and load generator have cores of their own. *Measured* is throughput divided by throughput, and counts for the target; *CPU-limited* is what two cores’ worth of CPU time serves, divided by what one core’s serves. *Balance* is what the less busy worker did of what the busier one did.'
    : 'This machine has two cores, so the load generator shares them with the two workers, and *measured* throughput is bounded by it. *CPU-limited* counts for the target: what two cores’ worth of CPU time serves at the cost per exchange that was measured (primary process included), divided by what one core’s serves. It sees dearer exchanges, not waiting of one process for another. Each worker has as many connections as the one has alone. *Balance* is what the less busy worker did of what the busier one did.';

function failureLines(result: ServerRunResult): string[] {
  if (result.failures.length === 0) return [];
  const lines = result.failures.map(
    ({ peer, work, reason }) =>
      `- ${SERVER_TITLES[peer]}, ${work}: ${reason.split('\n', 1)[0]!.slice(0, 200)}`,
  );
  return ['## What failed', '', ...lines, ''];
}

/**
 * Writes the page.
 *
 * @returns Markdown, with its last line end
 */
export function serverPage(result: ServerRunResult, machine: Machine, rounds: number, date: string): string {
  const rows = summarizeServers(result);
  const scaling = scalingTable(result);
  const disturbed = disturbedShareOf(result.measurements);
  return `${[
    '# Performance of the ICAP server',
    '',
    'Written by `npm run bench -- --suite icap-server`; do not edit by hand. The whole chain with the proxy: [performance.md](performance.md).',
    '',
    `Weir's gateway against c-icap, both with an \`echo\` service, ${CONNECTIONS} persistent connections with one exchange each at a time.`,
    '',
    `Machine: ${machine.cpu}, ${machine.cores} cores; Node ${machine.node}; c-icap ${machine.cIcap ?? MISSING}; ${date}; ${rounds} round${rounds === 1 ? '' : 's'}.`,
    '',
    '## CPU time per exchange and throughput',
    '',
    ...markdownLines(ratioTable(rows, result)),
    '',
    '## Answers, latency, memory, load',
    '',
    'What was answered; p50 / p99 of an exchange; resident memory of all the server’s processes; share of its core that the load generator was busy.',
    '',
    ...markdownLines(answersTable(rows, result)),
    '',
    ...(scaling.length === 0
      ? []
      : ['## Two workers against one', '', scalingNote(result), '', ...markdownLines(scaling), '']),
    ...failureLines(result),
    '## How to read it',
    '',
    NOTES,
    ...(disturbed === 0
      ? []
      : [
          `- In this run other processes took more than 10 % of the server's or the generator's core during ${percent(disturbed)} of the measurements.`,
        ]),
    '',
    '## How to run it',
    '',
    'On Linux with two cores: `apt-get install c-icap`, then `npm run bench -- --suite icap-server`. Options: [bench/README.md](../bench/README.md). Load of your own on any ICAP server: `weir icap bench`.',
  ].join('\n')}\n`;
}
