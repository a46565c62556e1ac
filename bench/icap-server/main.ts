// The ICAP server suite in one run: starts the servers, lets them take turns at each work round by round,
// then two workers against one; prints the tables and writes the page. Exit: 0 fine, 1 something failed,
// 2 cannot be run.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { buildWeir } from '../host/build.ts';
import { LOAD_CORE, TEST_CORE } from '../host/child.ts';
import { startHelper } from '../host/helper.ts';
import { describeMachine, requireTools } from '../host/requirements.ts';
import { printProfiles, progress, reasonOf, runSuiteCommand } from '../host/suite-command.ts';
import { FOREIGN_LIMIT } from '../report/summary.ts';
import { alignedLines } from '../report/table.ts';
import { formatMicros, formatRate } from '../stats.ts';
import type { ServerLoad } from './load.ts';
import { measureServer, type ServerMeasurement } from './measure.ts';
import { parseServerOptions, USAGE, type ServerOptions } from './options.ts';
import { answersTable, ratioTable, scalingTable, serverPage } from './report.ts';
import { startGateway, startTested, type TestedServer } from './servers.ts';
import {
  disturbedShareOf,
  type ScalingMeasurement,
  type ServerFailure,
  type ServerRunResult,
  summarizeServers,
} from './summary.ts';
import {
  CONNECTIONS,
  SCALING_ID,
  SCALING_WORKS,
  SERVER_WORKS,
  type ServerId,
  type ServerWork,
} from './works.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Longest piece of a failed server's output in the terminal. */
const BOTH_CORES = `${TEST_CORE},${LOAD_CORE}`;
const APART_CORE = 2; // of the generator, where there are more than two

const startLoad = (cores: number | string): ServerLoad =>
  startHelper(new URL('load-main.ts', import.meta.url), cores);

class Suite {
  readonly measurements: ServerMeasurement[] = [];
  readonly scaling: ScalingMeasurement[] = [];
  readonly failures: ServerFailure[] = [];
  readonly loadApart = cpus().length > APART_CORE;
  readonly #options: ServerOptions;
  readonly #folder: string;
  readonly #running: { stop(): Promise<void> }[] = [];
  #started = 0;

  constructor(options: ServerOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  /** Starts something; a failure is noted and the others go on. */
  async #start(
    id: ServerId,
    begin: (folder: string) => Promise<TestedServer>,
  ): Promise<TestedServer | undefined> {
    try {
      const tested = await begin(join(this.#folder, `${++this.#started}-${id}`));
      this.#running.push(tested.server);
      return tested;
    } catch (error) {
      this.#fail('start', id, reasonOf(error));
      return undefined;
    }
  }

  #load(cores: number | string): ServerLoad {
    const load = startLoad(cores);
    this.#running.push(load);
    return load;
  }

  #fail(work: string, peer: ServerId, reason: string): void {
    if (this.failures.some((failure) => failure.work === work && failure.peer === peer)) return;
    this.failures.push({ work, peer, reason });
    progress(`${peer}, ${work}: FAILED: ${reason}`);
  }

  async #measure(
    load: ServerLoad,
    tested: TestedServer,
    work: ServerWork,
    round: number,
    oneCore: boolean,
  ): Promise<ServerMeasurement | undefined> {
    try {
      if (!tested.server.alive()) throw new Error(`${tested.id} is no longer running`);
      const { seconds } = this.#options;
      return await measureServer(load, tested, work, { round, seconds, oneCore });
    } catch (error) {
      this.#fail(work.id, tested.id, `${reasonOf(error)}\n${tested.server.output()}`.trim());
      return undefined;
    }
  }

  #report(measured: ServerMeasurement, label: string = measured.peer): void {
    const { work, round, cpuMicros, perSecond, p99Ms, loadShare, foreignShare } = measured;
    if (this.#options.json)
      process.stdout.write(`${JSON.stringify({ ...measured, node: process.versions.node })}\n`);
    const disturbed =
      foreignShare > FOREIGN_LIMIT ? `  disturbed: others took ${(foreignShare * 100).toFixed(0)} %` : '';
    progress(
      `${round}/${this.#options.rounds}  ${work.padEnd(13)}  ${label.padEnd(10)}  CPU ${formatMicros(cpuMicros).padEnd(9)}  ${formatRate(perSecond).padEnd(10)}  p99 ${formatMicros(p99Ms * 1000).padEnd(9)}  load ${(loadShare * 100).toFixed(0)} %${disturbed}`,
    );
  }

  async exchanges(works: readonly ServerWork[]): Promise<void> {
    const load = this.#load(LOAD_CORE);
    const servers: TestedServer[] = [];
    for (const id of this.#options.peers) {
      const tested = await this.#start(id, (folder) => startTested(id, folder, this.#options.profile));
      if (tested !== undefined) servers.push(tested);
    }
    for (let round = 1; round <= this.#options.rounds; round++) {
      for (const work of works) {
        for (const tested of servers) {
          const measured = await this.#measure(load, tested, work, round, true);
          if (measured === undefined) continue;
          this.measurements.push(measured);
          this.#report(measured);
        }
      }
    }
    await this.stop();
    if (this.#options.profile) printProfiles(servers);
  }

  /** One worker on one core, two workers on two, in turns. */
  async workers(): Promise<void> {
    const works = SERVER_WORKS.filter((work) => SCALING_WORKS.includes(work.id));
    const sides = [
      { workers: 1, cores: TEST_CORE, load: this.#load(this.loadApart ? APART_CORE : LOAD_CORE) },
      { workers: 2, cores: BOTH_CORES, load: this.#load(this.loadApart ? APART_CORE : BOTH_CORES) },
    ] as const;
    const started = [];
    for (const { workers, cores, load } of sides) {
      const options = { workers, cores, profile: false };
      const tested = await this.#start('weir', (folder) => startGateway(folder, options));
      if (tested !== undefined) started.push({ workers, load, tested });
    }
    for (let round = 1; round <= this.#options.rounds; round++) {
      for (const work of works) {
        for (const { workers, load, tested } of started) {
          const measured = await this.#measure(
            load,
            tested,
            { ...work, connections: CONNECTIONS * workers }, // a worker is cheaper the more it finds to do at once
            round,
            workers === 1 && !this.loadApart,
          );
          if (measured === undefined) continue;
          this.scaling.push({ ...measured, workers });
          this.#report(measured, `${workers} worker${workers > 1 ? 's' : ''}`);
        }
      }
    }
    await this.stop();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((one) => one.stop()));
  }
}

async function runSuite(options: ServerOptions): Promise<ServerRunResult> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
  // Servers that give up root read their configuration from here.
  chmodSync(folder, 0o755);
  const suite = new Suite(options, folder);
  const cleanUp = async (): Promise<void> => {
    await suite.stop();
    if (options.keep) progress(`bench: kept ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void cleanUp().finally(() => process.exit(1)));
  }
  try {
    const works = SERVER_WORKS.filter((work) => options.works.includes(work.id));
    if (works.length > 0) await suite.exchanges(works);
    if (options.works.includes(SCALING_ID) && options.peers.includes('weir')) await suite.workers();
    const { measurements, scaling, failures, loadApart } = suite;
    return { peers: options.peers, works: options.works, measurements, scaling, failures, loadApart };
  } finally {
    await cleanUp();
  }
}

function print(result: ServerRunResult): void {
  const rows = summarizeServers(result);
  const tables = rows.length === 0 ? [] : [ratioTable(rows, result), answersTable(rows, result)];
  for (const table of [...tables, scalingTable(result)]) {
    if (table.length > 0) process.stdout.write(`\n${alignedLines(table).join('\n')}\n`);
  }
  process.stdout.write('\nRatios: CPU per exchange (throughput); * the load’s core was the limit.\n');
  const disturbed = disturbedShareOf(result.measurements);
  if (disturbed === 0) return;
  const share = (disturbed * 100).toFixed(0);
  process.stdout.write(`Other processes took part of a core in ${share} % of the measurements.\n`);
}

async function main(): Promise<number> {
  const options = parseServerOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  requireTools(options.peers.includes('c-icap') ? ['taskset', 'c-icap'] : ['taskset']);
  if (options.build && options.peers.includes('weir')) buildWeir(ROOT, progress);
  const result = await runSuite(options);
  if (!options.json) print(result);
  const page = join(ROOT, 'docs', 'performance-icap-server.md');
  const output = options.output ?? (options.full ? page : undefined);
  if (output !== undefined) {
    const date = new Date().toISOString().slice(0, 10);
    writeFileSync(output, serverPage(result, describeMachine(), options.rounds, date));
    progress(`bench: wrote ${output}`);
  }
  return result.failures.length > 0 ? 1 : 0;
}

runSuiteCommand(main);
