// One measurement: a work on a server in one round, or `echo` while archives are scanned. CPU time is that of
// all processes of a side, c-icap's and clamd's together, Weir's and its scanning processes' together.
import type { LoadReport } from '../../src/icap/load/tally.ts';
import { TEST_CORE } from '../host/child.ts';
import { coreBusyMicros, usageOf } from '../host/processes.ts';
import type { BodyFile } from './bodies.ts';
import type { ScanLoad } from './load.ts';
import type { Scanner } from './servers.ts';
import { ARCHIVES, ECHO_CONNECTIONS, type ScanServerId, type ScanWork, WARM_UP_SECONDS } from './works.ts';

const PREVIEW = 1024; // bytes

export interface ScanMeasurement {
  readonly work: string;
  readonly server: ScanServerId;
  readonly round: number;
  readonly exchanges: number;
  readonly perSecond: number;
  readonly cpuMicros: number;
  /** CPU time of each process tree of the side, in the order in which they are started. */
  readonly partMicros: readonly number[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rssBytes: number;
  /** Share of the tested core that other processes took, 0 to 1. */
  readonly foreignShare: number;
}

export interface ArchivesMeasurement {
  readonly round: number;
  /** Until the last archive was answered. */
  readonly seconds: number;
  /** Of `echo` meanwhile. */
  readonly exchanges: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Of `echo` by itself, just before. */
  readonly quietP99Ms: number;
  readonly rssBytes: number;
}

/** @throws {Error} any exchange failed or was answered wrongly */
export async function measureScan(
  load: ScanLoad,
  server: Scanner,
  work: ScanWork,
  body: BodyFile,
  round: number,
  seconds: number,
): Promise<ScanMeasurement> {
  const path = server.id === 'weir' ? work.service : 'scan';
  const { port } = server;
  const { connections, preview } = work;
  await load.ask({ type: 'open', port, path, body, connections, preview });
  try {
    requireRight(await phase(load, Math.min(WARM_UP_SECONDS, seconds)));
    const before = usages(server);
    const coreBefore = coreBusyMicros(TEST_CORE);
    const report = requireRight(await phase(load, seconds));
    const after = usages(server);
    const core = coreBusyMicros(TEST_CORE) - coreBefore;
    const { exchanges, perSecond, latencyMs } = report;
    const partMicros = after.map((usage, i) => (usage.cpuMicros - before[i]!.cpuMicros) / exchanges);
    return {
      work: work.id,
      server: server.id,
      round,
      exchanges,
      perSecond,
      cpuMicros: sum(partMicros),
      partMicros,
      p50Ms: latencyMs!.p50,
      p99Ms: latencyMs!.p99,
      rssBytes: sum(after.map(({ residentBytes }) => residentBytes)),
      foreignShare: Math.max(0, (core - sum(partMicros) * exchanges) / 1e6 / report.seconds),
    };
  } finally {
    await load.ask({ type: 'close' });
  }
}

/** Sends all archives at once, and small texts to `echo` until the last one is answered. */
export async function measureArchives(
  echo: ScanLoad,
  sender: ScanLoad,
  server: Scanner,
  bodies: { readonly small: BodyFile; readonly archive: BodyFile },
  round: number,
  quietSeconds: number,
): Promise<ArchivesMeasurement> {
  const common = { type: 'open', port: server.port, preview: PREVIEW } as const;
  await echo.ask({ ...common, path: 'echo', body: bodies.small, connections: ECHO_CONNECTIONS });
  await sender.ask({ ...common, path: 'scan', body: bodies.archive, connections: ARCHIVES });
  try {
    requireRight(await phase(echo, 1));
    const quiet = requireRight(await phase(echo, quietSeconds));
    await echo.ask({ type: 'begin' });
    const archives = (await sender.ask({ type: 'send', requests: ARCHIVES })) as LoadReport;
    const during = requireRight((await echo.ask({ type: 'end' })) as LoadReport);
    const { p50, p99, max } = during.latencyMs!;
    return {
      round,
      seconds: requireRight(archives).seconds,
      exchanges: during.exchanges,
      p50Ms: p50,
      p99Ms: p99,
      maxMs: max,
      quietP99Ms: quiet.latencyMs!.p99,
      rssBytes: sum(usages(server).map(({ residentBytes }) => residentBytes)),
    };
  } finally {
    await Promise.all([echo.ask({ type: 'close' }), sender.ask({ type: 'close' })]);
  }
}

const usages = (server: Scanner): ReturnType<typeof usageOf> => usageOf(server.servers.map(({ pid }) => pid));

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

async function phase(load: ScanLoad, seconds: number): Promise<LoadReport> {
  return (await load.ask({ type: 'phase', milliseconds: seconds * 1000 })) as LoadReport;
}

function requireRight(report: LoadReport): LoadReport {
  const [error] = report.errors;
  if (error !== undefined)
    throw new Error(`${report.failed} exchanges failed, ${error.kind}: ${error.first}`);
  if (report.exchanges === 0) throw new Error('no exchange was completed');
  return report;
}
