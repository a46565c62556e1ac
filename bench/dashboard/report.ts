// What the dashboard costs, as a table and as the page docs/performance-dashboard.md. Pure.
import type { Machine } from '../host/requirements.ts';
import type { Measurement } from '../measure.ts';
import { FOREIGN_LIMIT, LOAD_LIMIT } from '../report/summary.ts';
import { markdownLines, type Table } from '../report/table.ts';
import { formatMicros, formatRate, median } from '../stats.ts';

/** The dashboard is off; is on; is on, and somebody has the Live page open; and has it filtered. */
export const STATES = ['off', 'on', 'viewer', 'filtered'] as const;
export type State = (typeof STATES)[number];

/** One round: each state once. */
export type Round = Readonly<Record<State, Measurement>>;

/** Throughput that one viewer may cost: of the whole. */
export const TARGET = 0.05;

const TITLES: Readonly<Record<State, string>> = {
  off: 'dashboard off',
  on: 'dashboard on, nobody watches',
  viewer: 'dashboard on, one viewer on the Live page',
  filtered: 'dashboard on, one viewer with a filter',
};

/**
 * By how much throughput falls where the tested core is what limits it: CPU time per exchange with the
 * dashboard off by that in the other state, below 1; median over the rounds.
 *
 * @returns share of the whole; below 0 where it is faster
 */
export function dropOf(rounds: readonly Round[], state: State): number {
  return 1 - median(rounds.map((round) => round.off.cpuMicros / round[state].cpuMicros));
}

/** The same of what was measured as throughput. */
export function measuredDropOf(rounds: readonly Round[], state: State): number {
  return 1 - median(rounds.map((round) => round[state].perSecond / round.off.perSecond));
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** Each state: CPU time per exchange, throughput, latency, and what it costs against the first. */
export function stateTable(rounds: readonly Round[]): Table {
  const lines = STATES.map((state) => {
    const of = (key: 'cpuMicros' | 'perSecond' | 'p50Ms' | 'p99Ms' | 'loadShare'): number =>
      median(rounds.map((round) => round[state][key]));
    const bound = of('loadShare') > LOAD_LIMIT ? ' *' : '';
    const drop = dropOf(rounds, state);
    const verdict = drop < TARGET ? 'met' : 'missed';
    return [
      TITLES[state],
      formatMicros(of('cpuMicros')),
      `${formatRate(of('perSecond'))}${bound}`,
      [of('p50Ms'), of('p99Ms')].map((milliseconds) => formatMicros(milliseconds * 1000)).join(' / '),
      state === 'off' ? '–' : `${percent(drop)} (${percent(measuredDropOf(rounds, state))})`,
      state === 'off' ? '–' : `< ${TARGET * 100} %: ${verdict}`,
    ];
  });
  return [['state', 'CPU per exchange', 'throughput', 'p50 / p99', 'drop', 'target'], ...lines];
}

const NOTES = `- *Drop* is by how much one core serves less at the CPU time per exchange that was measured, and in parentheses by how much less it served: the median over the rounds of what each round gave. A negative one is a gain, that is noise.
- The log is at \`warn\`, so that without a viewer no record of a transaction is made: the dearest case for the dashboard. At \`info\` the record is made anyway.
- Each round starts Weir anew, without and with the dashboard, since two processes of the same program differ by a few percent; the states take turns in another order each round.
- Weir has one core, load, origin and viewer share the other. The viewer reads and parses every message.
- With a filter every transaction is made a row and looked at, whether it is sent or not.
- The feed sends at most 50 rows each 250 ms, and how many there were; under load most transactions are counted, and only those that are sent are made a row.`;

/** @returns Markdown, with its last line end */
export function dashboardPage(rounds: readonly Round[], machine: Machine, date: string): string {
  const all = rounds.flatMap((round) => STATES.map((state) => round[state]));
  const disturbed = all.filter(({ foreignShare }) => foreignShare > FOREIGN_LIMIT).length;
  return `${[
    '# Performance of the dashboard',
    '',
    'Written by `npm run bench -- --suite dashboard`; do not edit by hand. The proxy: [performance.md](performance.md).',
    '',
    'What the dashboard costs the proxy: 1 KiB over 32 intercepted connections kept alive, scanned by the `echo` service of its own gateway (REQMOD and RESPMOD).',
    '',
    `Machine: ${machine.cpu}, ${machine.cores} cores; Node ${machine.node}; ${machine.origin}; ${date}; ${rounds.length} round${rounds.length === 1 ? '' : 's'}.`,
    '',
    ...markdownLines(stateTable(rounds)),
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
    '## The page itself',
    '',
    'A test of the console drives more than 10,000 transactions a minute past a browser with the Live page open. No task of the page may then take 200 ms, and its memory after a forced collection may not grow beyond a bound (`test/web/console.e2e.test.ts`).',
    '',
    '## How to run it',
    '',
    'On Linux with two cores: `apt-get install nginx-light`, then `npm run bench -- --suite dashboard`. Options: [bench/README.md](../bench/README.md).',
  ].join('\n')}\n`;
}
