// One measurement: a work on a server in one round. Warm-up first; CPU time is read before the first and
// after the last exchange of the measured phase, so that divided by exchanges it is exact to a clock tick.
import type { LoadReport } from '../../src/icap/load/tally.ts';
import { LOAD_CORE, TEST_CORE } from '../host/child.ts';
import { coreBusyMicros, cpuByProcess, usageOf } from '../host/processes.ts';
import type { ServerLoad } from './load.ts';
import type { TestedServer } from './servers.ts';
import { WARM_UP_SECONDS, type ServerId, type ServerWork } from './works.ts';

/** A process counts as working from this share of the busiest one's CPU time on. */
const WORKING_SHARE = 0.1;

export interface ServerMeasurement {
  readonly work: string;
  readonly peer: ServerId;
  readonly round: number;
  readonly exchanges: number;
  readonly perSecond: number;
  /** HTTP bodies that were sent, whether the server asked for them or not. */
  readonly bytesPerSecond: number;
  /** CPU time of all the server's processes for one exchange. */
  readonly cpuMicros: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Shares of exchanges, 0 to 1: answered 204, and asked for the rest by 100 Continue. */
  readonly share204: number;
  readonly shareContinued: number;
  /** Sum over the server's processes after the phase. */
  readonly rssBytes: number;
  /** Share of one core that the server, and the load generator, were busy. */
  readonly serverShare: number;
  readonly loadShare: number;
  /** Largest share of the server's or the generator's core that other processes took; 0 where they share. */
  readonly foreignShare: number;
  /** CPU time for one exchange of each process that worked, largest first. */
  readonly processMicros: readonly number[];
}

export interface MeasureOptions {
  readonly round: number;
  readonly seconds: number;
  /** Server and generator have the usual core each, and no other. */
  readonly oneCore: boolean;
}

/**
 * Runs one work on one server.
 *
 * @throws {Error} any exchange failed or was answered wrongly
 */
export async function measureServer(
  load: ServerLoad,
  tested: TestedServer,
  work: ServerWork,
  { round, seconds, oneCore }: MeasureOptions,
): Promise<ServerMeasurement> {
  const path = tested.id === 'weir' ? work.service : 'echo';
  await load.ask({ type: 'open', port: tested.port, path, work });
  try {
    requireRight(await phase(load, Math.min(WARM_UP_SECONDS, Math.max(seconds, 0.5))));
    const before = readUsage(load, tested);
    const report = requireRight(await phase(load, seconds));
    const after = readUsage(load, tested);
    const { exchanges, perSecond, statuses, continues, latencyMs } = report;
    const cpu = after.server - before.server;
    const loadCore = after.loadCore - before.loadCore - (after.load - before.load);
    const busy = (micros: number): number => micros / 1e6 / report.seconds;
    return {
      work: work.id,
      peer: tested.id,
      round,
      exchanges,
      perSecond,
      bytesPerSecond: perSecond * (work.bodyBytes ?? 0),
      cpuMicros: cpu / exchanges,
      p50Ms: latencyMs!.p50,
      p99Ms: latencyMs!.p99,
      share204: (statuses['204'] ?? 0) / exchanges,
      shareContinued: continues / exchanges,
      rssBytes: after.residentBytes,
      serverShare: busy(cpu),
      loadShare: busy(after.load - before.load),
      foreignShare: oneCore ? Math.max(busy(after.core - before.core - cpu), busy(loadCore), 0) : 0,
      processMicros: workers(before.processes, after.processes).map((micros) => micros / exchanges),
    };
  } finally {
    await load.ask({ type: 'close' });
  }
}

async function phase(load: ServerLoad, seconds: number): Promise<LoadReport> {
  return (await load.ask({ type: 'phase', milliseconds: seconds * 1000 })) as LoadReport;
}

function requireRight(report: LoadReport): LoadReport {
  const [error] = report.errors;
  if (error !== undefined)
    throw new Error(`${report.failed} exchanges failed, ${error.kind}: ${error.first}`);
  if (report.exchanges === 0) throw new Error('no exchange was completed');
  return report;
}

interface UsageSums {
  readonly server: number;
  readonly residentBytes: number;
  readonly load: number;
  readonly core: number;
  readonly loadCore: number;
  readonly processes: ReadonlyMap<number, number>;
}

function readUsage(load: ServerLoad, { server }: TestedServer): UsageSums {
  const [tested, generator] = usageOf([server.pid, load.pid]);
  return {
    server: tested!.cpuMicros,
    residentBytes: tested!.residentBytes,
    load: generator!.cpuMicros,
    core: coreBusyMicros(TEST_CORE),
    loadCore: coreBusyMicros(LOAD_CORE),
    processes: cpuByProcess(server.pid),
  };
}

/** CPU time between two readings of the processes that did the work, largest first. */
export function workers(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number[] {
  const spent = [...after].map(([pid, micros]) => micros - (before.get(pid) ?? 0)).sort((a, b) => b - a);
  const least = (spent[0] ?? 0) * WORKING_SHARE;
  return spent.filter((micros) => micros > 0 && micros >= least);
}
