// The scanning suite in one run: starts both sides, lets them take turns at each work round by round, then
// `echo` beside archives; prints the tables and writes the page. Exit: 0 fine, 1 something failed, 2 cannot run.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { buildWeir } from '../host/build.ts';
import { LOAD_CORE, TEST_CORE } from '../host/child.ts';
import { startHelper } from '../host/helper.ts';
import { describeMachine, hasCommand, requireTools } from '../host/requirements.ts';
import { progress, reasonOf, runSuiteCommand } from '../host/suite-command.ts';
import { UsageError } from '../options.ts';
import { profileLines } from '../profile.ts';
import { alignedLines } from '../report/table.ts';
import { formatMicros, formatRate } from '../stats.ts';
import { type BodyFile, writeBodies } from './bodies.ts';
import type { ScanLoad } from './load.ts';
import { type ArchivesMeasurement, measureArchives, measureScan, type ScanMeasurement } from './measure.ts';
import { parseScanOptions, USAGE, type ScanOptions } from './options.ts';
import { archivesTable, claimTable, exchangeTable, scanPage } from './report.ts';
import { type Scanner, startVirusScan, startWeir, virusScanModule } from './servers.ts';
import type { ScanResult } from './summary.ts';
import { ARCHIVES_ID, SCAN_SERVER_IDS, SCAN_WORKS, type ScanServerId, type ScanWork } from './works.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROFILE_LINES = 40;
const BOTH_CORES = `${TEST_CORE},${LOAD_CORE}`;
const QUIET_SECONDS = 2;

class ScanSuite {
  readonly measurements: ScanMeasurement[] = [];
  readonly archives: ArchivesMeasurement[] = [];
  readonly failures: { work: string; server: ScanServerId; reason: string }[] = [];
  readonly #options: ScanOptions;
  readonly #folder: string;
  readonly #bodies: ReturnType<typeof writeBodies>;
  readonly #running: { stop(): Promise<void> }[] = [];
  #started = 0;
  #isInterrupted = false;

  constructor(options: ScanOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
    this.#bodies = writeBodies(folder);
  }

  #load(): ScanLoad {
    const load: ScanLoad = startHelper(new URL('load-main.ts', import.meta.url), LOAD_CORE);
    this.#running.push(load);
    return load;
  }

  #fail(work: string, server: ScanServerId, reason: string): void {
    if (this.failures.some((one) => one.work === work && one.server === server)) return;
    this.failures.push({ work, server, reason });
    progress(`${server}, ${work}: FAILED: ${reason}`);
  }

  async #start(id: ScanServerId, cores: number | string): Promise<Scanner | null> {
    if (this.#isInterrupted) return null;
    const folder = join(this.#folder, `${++this.#started}-${id}`);
    try {
      const scanner = await (id === 'weir'
        ? startWeir(folder, cores, this.#options.profile)
        : startVirusScan(folder, id));
      this.#running.push(scanner);
      return scanner;
    } catch (error) {
      this.#fail('start', id, reasonOf(error));
      return null;
    }
  }

  async exchanges(works: readonly ScanWork[]): Promise<void> {
    const load = this.#load();
    const ids = SCAN_SERVER_IDS.filter((id) => works.some((work) => work.servers.includes(id)));
    const scanners: Scanner[] = [];
    for (const id of ids) {
      const scanner = await this.#start(id, TEST_CORE);
      if (scanner !== null) scanners.push(scanner);
    }
    for (let round = 1; round <= this.#options.rounds; round++) {
      for (const work of works) {
        for (const scanner of scanners) {
          if (work.servers.includes(scanner.id)) await this.#measure(load, scanner, work, round);
        }
      }
    }
    await this.stop();
    for (const { profileFolder } of scanners) if (profileFolder !== null) this.#printProfile(profileFolder);
  }

  async #measure(load: ScanLoad, scanner: Scanner, work: ScanWork, round: number): Promise<void> {
    const body: BodyFile = this.#bodies[work.body];
    try {
      const measured = await measureScan(load, scanner, work, body, round, this.#options.seconds);
      this.measurements.push(measured);
      this.#note(measured);
      const { cpuMicros, perSecond, p50Ms, p99Ms } = measured;
      const times = [p50Ms, p99Ms].map((ms) => formatMicros(ms * 1000)).join(' / ');
      progress(
        `${round}/${this.#options.rounds}  ${work.id.padEnd(10)}  ${scanner.id.padEnd(6)}  CPU ${formatMicros(cpuMicros).padEnd(9)}  ${formatRate(perSecond).padEnd(10)}  ${times}`,
      );
    } catch (error) {
      const output = scanner.servers.map((server) => server.output()).join('\n');
      this.#fail(work.id, scanner.id, `${reasonOf(error)}\n${output}`.trim());
    }
  }

  async besideArchives(): Promise<void> {
    const [echo, sender] = [this.#load(), this.#load()];
    const scanner = await this.#start('weir', BOTH_CORES);
    if (scanner === null) return;
    const bodies = { small: this.#bodies['text-1k'], archive: this.#bodies.archive };
    for (let round = 1; round <= this.#options.rounds; round++) {
      try {
        const measured = await measureArchives(echo, sender, scanner, bodies, round, QUIET_SECONDS);
        this.archives.push(measured);
        this.#note(measured);
        const { p50Ms, p99Ms, maxMs, quietP99Ms } = measured;
        const times = [p50Ms, p99Ms, maxMs, quietP99Ms].map((ms) => formatMicros(ms * 1000)).join(' / ');
        progress(
          `${round}/${this.#options.rounds}  archives    ${measured.seconds.toFixed(1)} s  echo p50 / p99 / longest / p99 before: ${times}`,
        );
      } catch (error) {
        const output = scanner.servers.map((server) => server.output()).join('\n');
        this.#fail(ARCHIVES_ID, 'weir', `${reasonOf(error)}\n${output}`.trim());
      }
    }
    await this.stop();
    if (scanner.profileFolder !== null) this.#printProfile(scanner.profileFolder);
  }

  #note(measured: object): void {
    if (this.#options.json)
      process.stdout.write(`${JSON.stringify({ ...measured, node: process.versions.node })}\n`);
  }

  #printProfile(folder: string): void {
    try {
      progress(`\n${profileLines(folder, PROFILE_LINES).join('\n')}`);
    } catch (error) {
      progress(reasonOf(error));
    }
  }

  get isInterrupted(): boolean {
    return this.#isInterrupted;
  }

  /** Starts nothing any more. */
  interrupt(): void {
    this.#isInterrupted = true;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((one) => one.stop()));
  }
}

/** What hashing a body costs, in microseconds: the least of several batches, undisturbed ones. */
function hashMicros(bytes: number): number {
  const body = Buffer.alloc(bytes, 'text ');
  const batch = Math.ceil(2 ** 24 / bytes);
  let least = Infinity;
  for (let run = 0; run < 5; run += 1) {
    const startedAt = performance.now();
    for (let i = 0; i < batch; i += 1) createHash('sha256').update(body).digest('hex');
    least = Math.min(least, ((performance.now() - startedAt) * 1000) / batch);
  }
  return least;
}

async function runSuite(options: ScanOptions): Promise<ScanResult> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
  // Servers that give up root read their configuration from here.
  chmodSync(folder, 0o755);
  const suite = new ScanSuite(options, folder);
  const cleanUp = async (): Promise<void> => {
    await suite.stop();
    if (options.keep) progress(`bench: kept ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      suite.interrupt();
      void cleanUp().finally(() => process.exit(1));
    });
  }
  try {
    const works = SCAN_WORKS.filter((work) => options.works.includes(work.id));
    if (works.length > 0) await suite.exchanges(works);
    if (options.works.includes(ARCHIVES_ID)) await suite.besideArchives();
    const { measurements, archives, failures, isInterrupted } = suite;
    if (isInterrupted) throw new Error('interrupted');
    return {
      measurements,
      archives,
      failures,
      hashMicros: { '1k': hashMicros(1024), '64k': hashMicros(64 * 1024) },
    };
  } finally {
    await cleanUp();
  }
}

function requireScanners(works: readonly string[]): void {
  const compared = SCAN_WORKS.some(({ id, servers }) => works.includes(id) && servers.length > 1);
  requireTools(compared ? ['taskset', 'c-icap'] : ['taskset']);
  if (!compared) return;
  if (virusScanModule() === undefined)
    throw new UsageError('missing libc-icap-mod-virus-scan: apt-get install libc-icap-mod-virus-scan');
  if (!hasCommand('clamd')) throw new UsageError('missing clamav-daemon: apt-get install clamav-daemon');
}

function clamdVersion(): string {
  if (!hasCommand('clamd')) return '–';
  const text = execFileSync('clamd', ['--version'], { encoding: 'utf8' });
  return /\d[\d.]*/.exec(text)?.[0] ?? '–';
}

async function main(): Promise<number> {
  const options = parseScanOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  requireScanners(options.works);
  if (options.build) buildWeir(ROOT, progress);
  const result = await runSuite(options);
  if (!options.json) {
    for (const table of [claimTable(result), exchangeTable(result), archivesTable(result)]) {
      if (table.length > 0) process.stdout.write(`\n${alignedLines(table).join('\n')}\n`);
    }
  }
  const output = options.output ?? (options.full ? join(ROOT, 'docs', 'performance-scanning.md') : undefined);
  if (output !== undefined) {
    const date = new Date().toISOString().slice(0, 10);
    const peers = { machine: describeMachine(), clamd: clamdVersion() };
    writeFileSync(output, scanPage(result, peers, options.rounds, date));
    progress(`bench: wrote ${output}`);
  }
  return result.failures.length > 0 ? 1 : 0;
}

runSuiteCommand(main);
