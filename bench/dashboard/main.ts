// The dashboard suite: the same load on Weir without a dashboard, with one, and with somebody who watches the
// Live feed, all of it or filtered; prints the table and writes the page. Exit: 0 fine, 1 something failed, 2 cannot be run.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { buildWeir } from '../host/build.ts';
import { freePort } from '../host/child.ts';
import { describeMachine, requirePeers } from '../host/requirements.ts';
import { progress, runSuiteCommand } from '../host/suite-command.ts';
import { makeOriginCertificates } from '../lab/certificates.ts';
import { startOrigin } from '../lab/origin.ts';
import { startLoad } from '../load/client.ts';
import { measure, NameSupply, type Bench, type Measurement } from '../measure.ts';
import type { Peer, Run } from '../peers/peer.ts';
import { startWeir } from '../peers/weir.ts';
import { profileLines } from '../profile.ts';
import { progressLine } from '../report/progress.ts';
import { alignedLines } from '../report/table.ts';
import type { Work } from '../works.ts';
import { type DashboardOptions, parseDashboardOptions, USAGE } from './options.ts';
import { dashboardPage, type Round, type State, STATES, stateTable } from './report.ts';
import { type Filter, startViewer, type ViewerProcess } from './viewer.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROFILE_LINES = 40;
const TOKEN = randomBytes(24).toString('base64url');
const WORK: Work = {
  id: 'dashboard',
  title: '1 KiB, 32 connections kept alive',
  shape: 'tunnel',
  bodyBytes: 1024,
  connections: 32,
  seconds: 3,
  warmUpSeconds: 1.5,
  targets: {},
};

/** What the viewer asks for, in the states that have one. */
const FILTERS: Readonly<Partial<Record<State, Filter>>> = { viewer: {}, filtered: { q: 'x' } };

interface Sides {
  readonly off: Peer;
  readonly on: Peer;
  readonly dashboardPort: number;
}

class Suite {
  readonly rounds: Round[] = [];
  readonly #options: DashboardOptions;
  readonly #run: Run;
  readonly #bench: Bench;
  readonly #viewer: ViewerProcess;
  readonly #running: Peer[] = [];
  #started = 0;

  constructor(options: DashboardOptions, run: Run, bench: Bench, viewer: ViewerProcess) {
    this.#options = options;
    this.#run = run;
    this.#bench = bench;
    this.#viewer = viewer;
  }

  /** @throws {Error} an exchange failed, or the viewer was not told of all of them */
  async round(number: number): Promise<void> {
    const sides = await this.#start();
    const measured: Partial<Record<State, Measurement>> = {};
    // Another state begins each time: what one leaves behind falls on each of the others.
    const order = STATES.map((_, at) => STATES[(at + number) % STATES.length]!);
    for (const state of order) measured[state] = await this.#measure(sides, state, number);
    await this.stop();
    this.rounds.push(measured as Round);
    if (this.#options.profile)
      progress(`\n${profileLines(sides.on.profileFolder!, PROFILE_LINES).join('\n')}`);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((peer) => peer.stop()));
  }

  async #start(): Promise<Sides> {
    const port = await freePort();
    const side = async (dashboard: object): Promise<Peer> => {
      const folder = join(this.#run.folder, String(++this.#started));
      const peer = await startWeir('weir-inprocess', { ...this.#run, folder }, {}, { dashboard });
      this.#running.push(peer);
      return peer;
    };
    const off = await side({ listen: null });
    const on = await side({ listen: `127.0.0.1:${port}`, token: TOKEN });
    return { off, on, dashboardPort: port };
  }

  async #measure({ off, on, dashboardPort }: Sides, state: State, round: number): Promise<Measurement> {
    const peer = state === 'off' ? off : on;
    const filter = FILTERS[state];
    if (filter !== undefined) await this.#viewer.watch(dashboardPort, TOKEN, filter);
    const measured = await measure(this.#bench, peer, WORK, round, this.#options.seconds, new NameSupply());
    if (filter !== undefined) {
      const { messages, rows, total } = await this.#viewer.leave();
      progress(`the viewer got ${messages} messages, ${rows} rows, of ${total} transactions`);
      if (total < measured.exchanges) throw new Error(`the viewer was told of ${total} only`);
    }
    if (this.#options.json) process.stdout.write(`${JSON.stringify({ state, ...measured })}\n`);
    progress(`${state.padEnd(8)}  ${progressLine(measured, this.#options.rounds)}`);
    return measured;
  }
}

async function runSuite(options: DashboardOptions): Promise<readonly Round[]> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
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
    const viewer = startViewer();
    stops.push(viewer.stop);
    const run: Run = { folder, certificates, origin, names: 0, profile: options.profile };
    const suite = new Suite(options, run, { load, origin }, viewer);
    stops.push(() => suite.stop());
    for (let round = 1; round <= options.rounds; round++) await suite.round(round);
    return suite.rounds;
  } finally {
    await cleanUp();
  }
}

async function main(): Promise<number> {
  const options = parseDashboardOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  requirePeers(['weir-inprocess']);
  if (options.build) buildWeir(ROOT, progress);
  const rounds = await runSuite(options);
  if (!options.json) process.stdout.write(`\n${alignedLines(stateTable(rounds)).join('\n')}\n`);
  const page = join(ROOT, 'docs', 'performance-dashboard.md');
  const output = options.output ?? (options.full ? page : undefined);
  if (output !== undefined) {
    writeFileSync(output, dashboardPage(rounds, describeMachine(), new Date().toISOString().slice(0, 10)));
    progress(`bench: wrote ${output}`);
  }
  return 0;
}

runSuiteCommand(main);
