// The rows of a run as tables of text, for the terminal (aligned) and for the page (Markdown).
import { formatBytes, formatMicros, formatRate } from '../stats.ts';
import {
  CONTEXT_PEERS,
  concerns,
  IDLE_ID,
  IDLE_TARGET_BYTES,
  IDLE_TUNNELS,
  PEER_TITLES,
  type PeerId,
  type Work,
} from '../works.ts';
import { LOAD_LIMIT, REFERENCE, type Cell, type Row, type RunResult } from './summary.ts';

/** First line is the head. All lines have the same number of cells. */
export type Table = readonly (readonly string[])[];

const MISSING = '–';

function rateOf(cell: Cell, work: Work): string {
  const large = work.bodyBytes >= 64 * 1024;
  const rate = large
    ? `${formatRate(cell.perSecond)}, ${(cell.bytesPerSecond / 1e6).toFixed(0)} MB/s`
    : formatRate(cell.perSecond);
  return cell.loadShare > LOAD_LIMIT ? `${rate} *` : rate;
}

function costOf(cell: Cell | undefined, work: Work, failed: boolean): string {
  if (cell === undefined) return failed ? 'failed' : MISSING;
  const { cpuMicros, icapMicros } = cell;
  const icap = icapMicros === undefined ? '' : ` (c-icap ${formatMicros(icapMicros)})`;
  return `${formatMicros(cpuMicros)}${icap}, ${rateOf(cell, work)}`;
}

function ratioOf(cell: Cell | undefined): string {
  if (cell?.cpuRatio === undefined || cell.rateRatio === undefined) return MISSING;
  return `${cell.cpuRatio.toFixed(2)} (${cell.rateRatio.toFixed(2)})`;
}

function targetOf(row: Row, peers: readonly PeerId[]): string {
  const wanted = peers.flatMap((peer) => {
    const target = row.work.targets[peer];
    if (target === undefined) return [];
    const met = row.cells.get(peer)?.met;
    const outcome = met === undefined ? '' : met ? ': met' : ': missed';
    return [`${PEER_TITLES[peer]} ≥ ${target}${outcome}`];
  });
  return wanted.length === 0 ? MISSING : wanted.join('; ');
}

function failedIn(result: RunResult, peer: PeerId, work: string): boolean {
  return result.failures.some((failure) => failure.peer === peer && [work, 'start'].includes(failure.work));
}

/** CPU per exchange and throughput of every peer, the ratios, and whether targets are met. */
export function mainTable(rows: readonly Row[], result: RunResult): Table {
  const peers = result.peers.filter((peer) => !CONTEXT_PEERS.includes(peer));
  const head = ['work'];
  for (const peer of peers) {
    head.push(PEER_TITLES[peer]);
    if (peer !== REFERENCE) head.push('ratio');
  }
  head.push('target');
  const lines = rows.map((row) => {
    const line = [row.work.title];
    for (const peer of peers) {
      const cell = row.cells.get(peer);
      line.push(costOf(cell, row.work, failedIn(result, peer, row.work.id)));
      if (peer !== REFERENCE) line.push(ratioOf(cell));
    }
    return [...line, targetOf(row, peers)];
  });
  return [head, ...lines];
}

/** CPU per exchange and throughput of the peers that stand beside the comparison; empty without any. */
export function contextTable(rows: readonly Row[], result: RunResult): Table {
  const peers = result.peers.filter((peer) => CONTEXT_PEERS.includes(peer));
  if (peers.length === 0) return [];
  const lines = rows.map((row) => [
    row.work.title,
    ...peers.map((peer) => costOf(row.cells.get(peer), row.work, failedIn(result, peer, row.work.id))),
  ]);
  return [['for context', ...peers.map((peer) => PEER_TITLES[peer])], ...lines];
}

/** Latency percentiles, peak memory, and how busy the load's core was. */
export function detailTable(rows: readonly Row[], result: RunResult): Table {
  const head = ['work', ...result.peers.map((peer) => PEER_TITLES[peer])];
  const lines = rows.map((row) => [
    row.work.title,
    ...result.peers.map((peer) => {
      const cell = row.cells.get(peer);
      if (cell === undefined) return failedIn(result, peer, row.work.id) ? 'failed' : MISSING;
      const times = [cell.p50Ms, cell.p99Ms].map((milliseconds) => formatMicros(milliseconds * 1000));
      return `${times.join(' / ')}, ${formatBytes(cell.peakRssBytes)}, ${(cell.loadShare * 100).toFixed(0)} %`;
    }),
  ]);
  return [head, ...lines];
}

/** Memory of one idle tunnel; empty if it was not asked for. */
export function idleTable(result: RunResult): Table {
  if (!result.works.includes(IDLE_ID)) return [];
  const peers = result.peers.filter((peer) => concerns(IDLE_ID, peer));
  const head = ['memory', ...peers.map((peer) => PEER_TITLES[peer]), 'target'];
  const cells = peers.map((peer) => {
    const measured = result.idle.find((idle) => idle.peer === peer);
    if (measured === undefined) return failedIn(result, peer, IDLE_ID) ? 'failed' : MISSING;
    return `${(measured.bytesPerTunnel / 1000).toFixed(0)} kB`;
  });
  return [
    head,
    [`one idle intercepted tunnel (${IDLE_TUNNELS} held)`, ...cells, `≤ ${IDLE_TARGET_BYTES / 1000} kB`],
  ];
}

/** Columns padded to the same width, two spaces between. */
export function alignedLines(table: Table): string[] {
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((line) => line[column]?.length ?? 0)),
  );
  return table.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** A GitHub-flavoured Markdown table. */
export function markdownLines(table: Table): string[] {
  const [head, ...lines] = table;
  if (head === undefined) return [];
  const format = (line: readonly string[]): string =>
    `| ${line.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [format(head), format(head.map(() => '---')), ...lines.map(format)];
}
