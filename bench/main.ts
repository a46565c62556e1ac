// The comparison in one run: starts origin, load generator and peers, lets the peers take turns at each work
// round by round, prints the table and writes the page. Exit: 0 fine, 1 something failed, 2 cannot be run.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { buildWeir } from './host/build.ts';
import { describeMachine, requirePeers } from './host/requirements.ts';
import { printProfiles, progress, reasonOf, runSuiteCommand } from './host/suite-command.ts';
import { makeOriginCertificates } from './lab/certificates.ts';
import { startOrigin } from './lab/origin.ts';
import { startLoad } from './load/client.ts';
import {
  measure,
  measureIdle,
  NameSupply,
  type Bench,
  type IdleMeasurement,
  type Measurement,
} from './measure.ts';
import { parseOptions, USAGE, type Options } from './options.ts';
import type { Peer, Run } from './peers/peer.ts';
import { startPeer } from './peers/start.ts';
import { performancePage } from './report/page.ts';
import { progressLine } from './report/progress.ts';
import { disturbedShare, summarize, type Failure, type RunResult } from './report/summary.ts';
import { alignedLines, contextTable, detailTable, idleTable, mainTable } from './report/table.ts';
import { formatBytes } from './stats.ts';
import { concerns, IDLE_ID, WORKS, type PeerId, type Work } from './works.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Longest piece of a failed peer's output in the terminal. */

class Comparison {
  readonly measurements: Measurement[] = [];
  readonly idle: IdleMeasurement[] = [];
  readonly failures: Failure[] = [];
  readonly #options: Options;
  readonly #run: Run;
  readonly #bench: Bench;
  readonly #running: Peer[] = [];
  #started = 0;

  constructor(options: Options, run: Run, bench: Bench) {
    this.#options = options;
    this.#run = run;
    this.#bench = bench;
  }

  /** Starts a peer; a failure is noted and the others go on. */
  async #start(id: PeerId): Promise<Peer | undefined> {
    try {
      // A folder of its own for every start: a peer finds nothing of an earlier one.
      const folder = join(this.#run.folder, `${++this.#started}-${id}`);
      const peer = await startPeer(id, { ...this.#run, folder });
      this.#running.push(peer);
      return peer;
    } catch (error) {
      this.#fail('start', id, reasonOf(error));
      return undefined;
    }
  }

  #fail(work: string, peer: PeerId, reason: string): void {
    if (this.failures.some((failure) => failure.work === work && failure.peer === peer)) return;
    this.failures.push({ work, peer, reason });
    progress(`${peer}, ${work}: FAILED: ${reason}`);
  }

  async #measure(peer: Peer, work: Work, round: number, names: NameSupply): Promise<void> {
    const dead = peer.servers.find((server) => !server.alive());
    if (dead !== undefined) {
      this.#fail(work.id, peer.id, `${dead.name} is no longer running: ${dead.output()}`);
      return;
    }
    try {
      const measured = await measure(
        this.#bench,
        peer,
        work,
        round,
        this.#options.seconds ?? work.seconds,
        names,
      );
      this.measurements.push(measured);
      this.#report(measured);
    } catch (error) {
      const output = peer.proxy.output();
      this.#fail(work.id, peer.id, `${reasonOf(error)}${output === '' ? '' : `\n${output}`}`);
    }
  }

  #report(measured: Measurement): void {
    if (this.#options.json)
      process.stdout.write(`${JSON.stringify({ ...measured, node: process.versions.node })}\n`);
    progress(progressLine(measured, this.#options.rounds));
  }

  async exchanges(works: readonly Work[]): Promise<void> {
    if (works.length === 0) return;
    const peers: { peer: Peer; names: NameSupply }[] = [];
    for (const id of this.#options.peers) {
      if (!works.some((work) => concerns(work.id, id))) continue;
      const peer = await this.#start(id);
      if (peer !== undefined) peers.push({ peer, names: new NameSupply() });
    }
    for (let round = 1; round <= this.#options.rounds; round++) {
      for (const work of works) {
        for (const { peer, names } of peers.filter((one) => concerns(work.id, one.peer.id))) {
          await this.#measure(peer, work, round, names);
        }
      }
    }
    await this.stop();
    if (this.#options.profile) printProfiles(peers.map(({ peer }) => peer));
  }

  /** Each peer is started anew: what it kept from earlier work would hide its growth. */
  async idleMemory(): Promise<void> {
    const [warmUp] = WORKS;
    for (const id of this.#options.peers.filter((one) => concerns(IDLE_ID, one))) {
      const peer = await this.#start(id);
      if (peer === undefined || warmUp === undefined) continue;
      try {
        const measured = await measureIdle(this.#bench, peer, warmUp);
        this.idle.push(measured);
        if (this.#options.json) process.stdout.write(`${JSON.stringify({ work: IDLE_ID, ...measured })}\n`);
        progress(`idle tunnel  ${id.padEnd(14)}  ${formatBytes(measured.bytesPerTunnel)}`);
      } catch (error) {
        this.#fail(IDLE_ID, id, `${reasonOf(error)}\n${peer.proxy.output()}`);
      }
      await this.stop();
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((peer) => peer.stop()));
  }
}

/** Names that all rounds of one peer use up. */
function namesNeeded(works: readonly Work[], rounds: number): number {
  return (
    works.reduce((sum, { names }) => sum + (names === undefined ? 0 : names.warmUp + names.measured), 0) *
    rounds
  );
}

function print(result: RunResult): void {
  const rows = summarize(result);
  const tables =
    rows.length === 0
      ? [idleTable(result)]
      : [mainTable(rows, result), contextTable(rows, result), detailTable(rows, result), idleTable(result)];
  for (const table of tables) {
    if (table.length > 0) process.stdout.write(`\n${alignedLines(table).join('\n')}\n`);
  }
  process.stdout.write('\nRatios: CPU per exchange (throughput); * the load’s core was the limit.\n');
  const disturbed = disturbedShare(result.measurements);
  if (disturbed > 0) {
    const share = (disturbed * 100).toFixed(0);
    process.stdout.write(`Other processes took part of the tested core in ${share} % of the measurements.\n`);
  }
}

async function compare(options: Options): Promise<RunResult> {
  const works = WORKS.filter((work) => options.works.includes(work.id));
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
  // Servers that give up root read their configuration from here.
  chmodSync(folder, 0o755);
  const names = namesNeeded(works, options.rounds);
  const stops: (() => Promise<void>)[] = [];
  const cleanUp = async (): Promise<void> => {
    for (const stop of stops.splice(0).reverse()) await stop();
    if (options.keep) progress(`bench: kept ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void cleanUp().finally(() => process.exit(1)));
  }
  try {
    const certificates = makeOriginCertificates(folder, names);
    const origin = await startOrigin(folder, certificates);
    stops.push(origin.server.stop);
    const load = startLoad();
    stops.push(load.stop);
    const run: Run = { folder, certificates, origin, names, profile: options.profile };
    const comparison = new Comparison(options, run, { load, origin });
    stops.push(() => comparison.stop());
    await comparison.exchanges(works);
    if (options.works.includes(IDLE_ID)) await comparison.idleMemory();
    const { measurements, idle, failures } = comparison;
    return { peers: options.peers, works: options.works, measurements, idle, failures };
  } finally {
    await cleanUp();
  }
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  requirePeers(options.peers);
  if (options.build && options.peers.some((peer) => peer.startsWith('weir'))) buildWeir(ROOT, progress);
  const result = await compare(options);
  if (!options.json) print(result);
  const output = options.output ?? (options.full ? join(ROOT, 'docs', 'performance.md') : undefined);
  if (output !== undefined) {
    const date = new Date().toISOString().slice(0, 10);
    writeFileSync(output, performancePage(result, describeMachine(), options.rounds, date));
    progress(`bench: wrote ${output}`);
  }
  return result.failures.length > 0 ? 1 : 0;
}

runSuiteCommand(main);
