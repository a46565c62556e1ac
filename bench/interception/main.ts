// The interception suite: starts the two sides of each row, lets them take turns round by round, prints the
// table and writes the page. Exit: 0 fine, 1 something failed, 2 cannot be run.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { buildWeir } from '../host/build.ts';
import { describeMachine, requirePeers } from '../host/requirements.ts';
import { progress, reasonOf, runSuiteCommand } from '../host/suite-command.ts';
import { makeOriginCertificates } from '../lab/certificates.ts';
import { startOrigin } from '../lab/origin.ts';
import { startLoad } from '../load/client.ts';
import { measure, NameSupply, type Bench, type Measurement } from '../measure.ts';
import type { Peer, Run } from '../peers/peer.ts';
import { startSquid } from '../peers/squid.ts';
import { startWeir } from '../peers/weir.ts';
import { profileLines } from '../profile.ts';
import { progressLine } from '../report/progress.ts';
import { alignedLines } from '../report/table.ts';
import { parseInterceptionOptions, USAGE, type InterceptionOptions } from './options.ts';
import { interceptionPage, rowsTable, type Failure, type RowResult } from './report.ts';
import { COMPARISONS, type Comparison, type SideId, type Variant } from './works.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROFILE_LINES = 30;

function startSide(side: SideId, run: Run): Promise<Peer> {
  if (side === 'squid-splice') return startSquid('squid-splice', run);
  if (side === 'weir-inspecting') return startWeir('weir-inprocess', run);
  return startWeir('weir-alone', run, { tls: { rules: [{ action: 'splice', hosts: ['*'] }] } });
}

class Suite {
  readonly results: RowResult[] = [];
  readonly failures: Failure[] = [];
  readonly #options: InterceptionOptions;
  readonly #run: Run;
  readonly #bench: Bench;
  #running: Peer[] = [];
  #started = 0;

  constructor(options: InterceptionOptions, run: Run, bench: Bench) {
    this.#options = options;
    this.#run = run;
    this.#bench = bench;
  }

  async row(comparison: Comparison): Promise<void> {
    const taken: [Measurement[], Measurement[]] = [[], []];
    try {
      const sides = new Map<SideId, Peer>();
      for (const { side } of comparison.variants) {
        if (!sides.has(side)) sides.set(side, await this.#start(side));
      }
      for (let round = 1; round <= this.#options.rounds; round++) {
        for (const [index, variant] of comparison.variants.entries()) {
          taken[index]!.push(await this.#measure(sides.get(variant.side)!, variant, round));
        }
      }
      this.results.push({ comparison, measurements: taken });
    } catch (error) {
      this.failures.push({ row: comparison.id, reason: reasonOf(error) });
      progress(`${comparison.id}: FAILED: ${reasonOf(error)}`);
    }
    const folders = this.#running.map(({ profileFolder }) => profileFolder);
    await this.stop();
    if (this.#options.profile) for (const folder of folders) printProfile(folder);
  }

  async #start(side: SideId): Promise<Peer> {
    const folder = join(this.#run.folder, `${++this.#started}-${side}`);
    const peer = await startSide(side, { ...this.#run, folder });
    this.#running.push(peer);
    return peer;
  }

  async #measure(peer: Peer, { title, side, work, held }: Variant, round: number): Promise<Measurement> {
    // Behind a tunnel that is passed on stands the origin itself.
    const seen = side.endsWith('splice') ? { ...peer, ca: this.#run.certificates.originCa } : peer;
    const seconds = this.#options.seconds ?? work.seconds;
    const measured = await measure(this.#bench, seen, work, round, seconds, new NameSupply(), held);
    if (this.#options.json) process.stdout.write(`${JSON.stringify({ title, side, held, ...measured })}\n`);
    progress(`${title.padEnd(16)}  ${progressLine(measured, this.#options.rounds)}`);
    return measured;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((peer) => peer.stop()));
  }
}

function printProfile(folder: string | undefined): void {
  if (folder === undefined) return;
  try {
    progress(`\n${profileLines(folder, PROFILE_LINES).join('\n')}`);
  } catch (error) {
    progress(reasonOf(error));
  }
}

async function runSuite(options: InterceptionOptions): Promise<Suite> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
  chmodSync(folder, 0o755); // Squid gives up root and reads its configuration from here
  const stops: (() => Promise<void>)[] = [];
  const cleanUp = async (): Promise<void> => {
    for (const stop of stops.splice(0).reverse()) await stop();
    rmSync(folder, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void cleanUp().finally(() => process.exit(1)));
  }
  try {
    const certificates = makeOriginCertificates(folder, 0);
    const origin = await startOrigin(folder, certificates);
    stops.push(origin.server.stop);
    const load = startLoad();
    stops.push(load.stop);
    const run: Run = { folder, certificates, origin, names: 0, profile: options.profile };
    const suite = new Suite(options, run, { load, origin });
    stops.push(() => suite.stop());
    for (const comparison of COMPARISONS) {
      if (options.rows.includes(comparison.id)) await suite.row(comparison);
    }
    return suite;
  } finally {
    await cleanUp();
  }
}

async function main(): Promise<number> {
  const options = parseInterceptionOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  requirePeers(['squid', 'weir-inprocess']);
  if (options.build) buildWeir(ROOT, progress);
  const { results, failures } = await runSuite(options);
  if (!options.json) process.stdout.write(`\n${alignedLines(rowsTable(results)).join('\n')}\n`);
  const page = join(ROOT, 'docs', 'performance-interception.md');
  const output = options.output ?? (options.full && failures.length === 0 ? page : undefined);
  if (output !== undefined) {
    const date = new Date().toISOString().slice(0, 10);
    writeFileSync(output, interceptionPage(results, describeMachine(), options.rounds, date));
    progress(`bench: wrote ${output}`);
  }
  return failures.length > 0 ? 1 : 0;
}

runSuiteCommand(main);
