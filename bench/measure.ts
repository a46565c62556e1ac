// One measurement: a work on a peer in one round. Warm-up first; CPU time is read before the first and
// after the last exchange of the measured phase, memory is sampled during it.
import { setTimeout as delay } from 'node:timers/promises';

import { TEST_CORE } from './host/child.ts';
import { coreBusyMicros, usageOf } from './host/processes.ts';
import { uniqueName } from './lab/names.ts';
import type { Origin } from './lab/origin.ts';
import type { Load } from './load/client.ts';
import type { Job, PhaseLimit } from './load/protocol.ts';
import type { Peer } from './peers/peer.ts';
import { IDLE_TUNNELS, ORIGIN_HOST, originPath, type PeerId, type Work } from './works.ts';

const RSS_SAMPLE_MS = 250;
const SETTLE_MS = 1500;

export interface Measurement {
  readonly work: string;
  readonly peer: PeerId;
  readonly round: number;
  readonly exchanges: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly bytesPerSecond: number;
  /** CPU time of the peer's processes for one exchange. */
  readonly cpuMicros: number;
  /** The part of it that is the ICAP server's, where that is a server of its own; 0 means nothing was sent there. */
  readonly icapMicros: number | null;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Kept-alive connections that the proxy closed between exchanges. */
  readonly reopened: number;
  /** Largest sum over the peer's processes that was seen. */
  readonly peakRssBytes: number;
  /** Share of one core that the peer, and that load generator and origin together, were busy: 0 to 1. */
  readonly peerShare: number;
  readonly loadShare: number;
  /** Share of the peer's core that other processes took: above a few percent, the figures are not to be trusted. */
  readonly foreignShare: number;
}

export interface IdleMeasurement {
  readonly peer: PeerId;
  /** Growth of the proxy's resident memory for each tunnel held. */
  readonly bytesPerTunnel: number;
}

export interface Bench {
  readonly load: Load;
  readonly origin: Origin;
}

/** Hands out never-seen names; each peer has its own sequence, so all see the same names once. */
export class NameSupply {
  #next = 0;
  take(count: number): string[] {
    return Array.from({ length: count }, () => uniqueName(this.#next++));
  }
}

function jobFor(work: Work, peer: Peer, origin: Origin): Job {
  return {
    shape: work.shape,
    connections: work.connections,
    proxyPort: peer.port,
    ca: peer.ca,
    host: ORIGIN_HOST,
    originPort: work.shape === 'plain' ? origin.plainPort : origin.tlsPort,
    path: originPath(work.bodyBytes),
    bodyBytes: work.bodyBytes,
  };
}

const rootsOf = (peer: Peer): number[] => peer.servers.map((server) => server.pid);

interface UsageSums {
  readonly peerCpu: number;
  readonly peerRss: number;
  /** Of the proxy alone. */
  readonly proxyCpu: number;
  readonly loadCpu: number;
  readonly coreBusy: number;
}

/** Sums of CPU time and memory: the peer's servers first, then load generator and origin. */
function readUsage(bench: Bench, peer: Peer): UsageSums {
  const peers = rootsOf(peer);
  const usages = usageOf([...peers, bench.load.pid, bench.origin.server.pid]);
  const tested = usages.slice(0, peers.length);
  const others = usages.slice(peers.length);
  return {
    peerCpu: tested.reduce((sum, usage) => sum + usage.cpuMicros, 0),
    peerRss: tested.reduce((sum, usage) => sum + usage.residentBytes, 0),
    proxyCpu: tested[peer.servers.indexOf(peer.proxy)]?.cpuMicros ?? 0,
    loadCpu: others.reduce((sum, usage) => sum + usage.cpuMicros, 0),
    coreBusy: coreBusyMicros(TEST_CORE),
  };
}

/**
 * Runs one work on one peer.
 *
 * @param seconds  measured time; warm-up is the work's own, but never longer than this
 * @param held  tunnels that are opened after the warm-up and stay open and idle
 * @throws {Error} any exchange failed or was answered wrongly
 */
export async function measure(
  bench: Bench,
  peer: Peer,
  work: Work,
  round: number,
  seconds: number,
  names: NameSupply,
  held = 0,
): Promise<Measurement> {
  const { load } = bench;
  const limit = (milliseconds: number, count: number | undefined): PhaseLimit =>
    count === undefined ? { milliseconds } : { milliseconds, names: names.take(count) };
  await load.open(jobFor(work, peer, bench.origin));
  try {
    const warmUpSeconds = Math.min(work.warmUpSeconds, Math.max(seconds, 0.5));
    await load.phase(limit(warmUpSeconds * 1000, work.names?.warmUp));
    if (held > 0) {
      await load.hold(held);
      await load.phase(limit(warmUpSeconds * 1000, undefined));
    }

    let peakRssBytes = 0;
    const sampler = setInterval(() => {
      peakRssBytes = Math.max(peakRssBytes, readUsage(bench, peer).peerRss);
    }, RSS_SAMPLE_MS);
    const before = readUsage(bench, peer);
    const result = await load.phase(limit(seconds * 1000, work.names?.measured)).finally(() => {
      clearInterval(sampler);
    });
    const after = readUsage(bench, peer);

    const perSecond = result.exchanges / result.seconds;
    const peerCpu = after.peerCpu - before.peerCpu;
    return {
      work: work.id,
      peer: peer.id,
      round,
      exchanges: result.exchanges,
      seconds: result.seconds,
      perSecond,
      bytesPerSecond: perSecond * work.bodyBytes,
      cpuMicros: peerCpu / result.exchanges,
      icapMicros:
        peer.servers.length > 1 ? (peerCpu - (after.proxyCpu - before.proxyCpu)) / result.exchanges : null,
      p50Ms: result.p50Ms,
      p99Ms: result.p99Ms,
      reopened: result.reopened,
      peakRssBytes: Math.max(peakRssBytes, after.peerRss),
      peerShare: peerCpu / 1e6 / result.seconds,
      loadShare: (after.loadCpu - before.loadCpu) / 1e6 / result.seconds,
      foreignShare: Math.max(after.coreBusy - before.coreBusy - peerCpu, 0) / 1e6 / result.seconds,
    };
  } finally {
    await load.close();
  }
}

/**
 * Holds 500 tunnels open after one exchange each and reads by how much the proxy grew. The peer should be
 * freshly started: memory that it kept from earlier work would hide the growth.
 *
 * @param warmUp  a kept-alive work that is run first, so that code and pools are in place
 */
export async function measureIdle(bench: Bench, peer: Peer, warmUp: Work): Promise<IdleMeasurement> {
  const resident = (): number => usageOf([peer.proxy.pid])[0]?.residentBytes ?? 0;
  await bench.load.open(jobFor(warmUp, peer, bench.origin));
  try {
    await bench.load.phase({ milliseconds: 1000 });
    await delay(SETTLE_MS);
    const before = resident();
    await bench.load.hold(IDLE_TUNNELS);
    await delay(SETTLE_MS);
    return { peer: peer.id, bytesPerTunnel: (resident() - before) / IDLE_TUNNELS };
  } finally {
    await bench.load.close();
  }
}
