// The rows of a run as tables of text and as the page docs/performance-scanning.md.
import type { Machine } from '../host/requirements.ts';
import { markdownLines, type Table } from '../report/table.ts';
import { formatBytes, formatMicros, formatRate, median } from '../stats.ts';
import type { ScanMeasurement } from './measure.ts';
import { type Claim, claims, disturbedShareOf, type ScanResult } from './summary.ts';
import { ARCHIVES, ECHO_CONNECTIONS, SCAN_WORKS, SIGNATURES, type ScanServerId } from './works.ts';

const MISSING = '–';

const SPELLED: Readonly<Record<Claim['unit'], (value: number) => string>> = {
  ratio: (value) => value.toFixed(2),
  µs: (value) => `${value.toFixed(0)} µs`,
  ms: (value) => `${value.toFixed(2)} ms`,
};

/** Each claim, what was measured, and whether it holds. */
export function claimTable(result: ScanResult): Table {
  const lines = claims(result).map(({ title, value, unit, limit }) => {
    const target = `≤ ${unit === 'ratio' ? limit : `${limit} ${unit}`}`;
    return [title, SPELLED[unit](value), `${target}: ${value <= limit ? 'met' : 'missed'}`];
  });
  return [['claim', 'measured', 'target'], ...lines];
}

function middle(measured: readonly ScanMeasurement[], of: (one: ScanMeasurement) => number): number {
  return median(measured.map(of));
}

function cell(result: ScanResult, work: string, server: ScanServerId): string {
  const those = result.measurements.filter((one) => one.work === work && one.server === server);
  if (those.length === 0) {
    return result.failures.some((one) => one.server === server && [work, 'start'].includes(one.work))
      ? 'failed'
      : MISSING;
  }
  const parts = those[0]!.partMicros.map((_, i) => middle(those, ({ partMicros }) => partMicros[i]!));
  const split = parts.length < 2 ? '' : ` (${parts.map(formatMicros).join(' + ')})`;
  const times = [middle(those, ({ p50Ms }) => p50Ms), middle(those, ({ p99Ms }) => p99Ms)];
  return [
    `${formatMicros(middle(those, ({ cpuMicros }) => cpuMicros))}${split}`,
    formatRate(middle(those, ({ perSecond }) => perSecond)),
    times.map((ms) => formatMicros(ms * 1000)).join(' / '),
    formatBytes(middle(those, ({ rssBytes }) => rssBytes)),
  ].join('; ');
}

const BODIES: Readonly<Record<string, string>> = {
  'text-1k': '1 KiB of text',
  'text-64k': '64 KiB of text',
  'text-1m': '1 MiB of text',
  'gzip-1m': '1 MiB of text, gzip-encoded',
};
const SERVICES: Readonly<Record<string, string>> = {
  scan: 'scanned',
  cached: 'verdict known',
  echo: '`echo`',
};

/** CPU time of each exchange, throughput, latency and memory. */
export function exchangeTable(result: ScanResult): Table {
  const works = SCAN_WORKS.filter(({ id }) => result.measurements.some(({ work }) => work === id));
  if (works.length === 0) return [];
  const lines = works.map(({ id, body, service, connections, servers }) => [
    `${BODIES[body]}, ${SERVICES[service]}, ${connections === 1 ? '1 connection' : `${connections} connections`}`,
    cell(result, id, 'weir'),
    cell(result, id, servers.find((server) => server !== 'weir') ?? 'c-icap'),
  ]);
  return [['exchange', 'Weir', 'c-icap + clamd'], ...lines];
}

/** `echo` beside archives, a line each round. */
export function archivesTable({ archives }: ScanResult): Table {
  if (archives.length === 0) return [];
  const lines = archives.map((one) => [
    String(one.round),
    `${one.seconds.toFixed(1)} s`,
    String(one.exchanges),
    [one.p50Ms, one.p99Ms, one.maxMs].map((ms) => formatMicros(ms * 1000)).join(' / '),
    formatMicros(one.quietP99Ms * 1000),
    formatBytes(one.rssBytes),
  ]);
  return [['round', 'archives done in', '`echo`s', 'p50 / p99 / longest', 'p99 before', 'memory'], ...lines];
}

/** What failed, if anything did. */
function failureLines({ failures }: ScanResult): string {
  const lines = failures.map(
    ({ work, server, reason }) => `- ${server}, ${work}: ${reason.split('\n')[0]}\n`,
  );
  return lines.length === 0 ? '' : `\nFailed, and left out:\n\n${lines.join('')}`;
}

export interface ScanPeers {
  readonly machine: Machine;
  readonly clamd: string;
}

/** The page, Markdown. */
export function scanPage(result: ScanResult, peers: ScanPeers, rounds: number, date: string): string {
  const { machine, clamd } = peers;
  const { hashMicros } = result;
  return `# Performance of scanning

Written by \`npm run bench -- --suite scanning\`; do not edit by hand. The proxy: [performance.md](performance.md); the ICAP server without a scan: [performance-icap-server.md](performance-icap-server.md).

Weir's gateway with the embedded engine against c-icap's virus_scan with clamd, both looking for the same ${SIGNATURES.toLocaleString('en-US')} literal signatures beside what they have of their own.

Machine: ${machine.cpu}, ${machine.cores} cores; Node ${machine.node}; c-icap ${machine.cIcap ?? MISSING}, ClamAV ${clamd}; ${date}; ${rounds} ${rounds === 1 ? 'round' : 'rounds'}.

## Claims

${markdownLines(claimTable(result)).join('\n')}
${failureLines(result)}
## Exchanges

CPU time per exchange (c-icap + clamd); exchanges a second; p50 / p99; resident memory of all processes.

${markdownLines(exchangeTable(result)).join('\n')}

SHA-256, by which cached verdicts are found, takes ${hashMicros['1k'].toFixed(1)} µs for 1 KiB and ${hashMicros['64k'].toFixed(0)} µs for 64 KiB here; the claims on cached verdicts leave it out, as they leave out what \`echo\` costs.

## \`echo\` while archives are scanned

${ARCHIVES} zip files of 50 MiB, of some 400 text members each, on a connection each at once; meanwhile ${ECHO_CONNECTIONS} connections ask \`echo\` for 1 KiB.

${markdownLines(archivesTable(result)).join('\n')}

## How to read it

- **Ratios and differences are the claim**: the median over the rounds of those within a round. CPU time is user and system time of all processes of a side, with Weir's scanning processes.
- Scans that are compared are pinned to one core with all their processes, the load generator to the other; while archives are scanned Weir has both cores, and shares them with two load generators.
- Signatures of one's own are scanned for in child processes of Weir, which can be killed. Where none are configured, the plugin's own rules run in threads and small plain bodies are scanned on the spot, which costs less than what is shown here.
- A body of the bench is the same each time, and neither side remembers it but in the rows that say so: Weir by the profile's \`cache: false\`, clamd, which remembers clean files as well, by \`DisableCache yes\`. Where the verdict is known Weir answers by its hash, c-icap stores the body and clamd finds it by a hash of its own.
- Text is made of some thousand made-up words; gzip halves it. virus_scan hands the body to clamd as it came, and clamd opens it as a gzip file.
- Other processes took part of the tested core in ${(disturbedShareOf(result) * 100).toFixed(0)} % of the measurements, which makes an exchange dearer on either side (cold caches) and latencies long.
- Every answer is checked: 204, or the body as it was sent.

## How to run it

On Linux with two cores: \`apt-get install c-icap libc-icap-mod-virus-scan clamav-daemon\`, then \`npm run bench -- --suite scanning\`. Options: [bench/README.md](../bench/README.md).
`;
}
