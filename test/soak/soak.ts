// One soak: lets clients run while servers are killed and misbehave, lets it come to rest, and looks whether
// anything was wrong or is left behind. What is printed is main.ts.

import { setTimeout as sleep } from 'node:timers/promises';
import { SoakClient } from './client.ts';
import { type Failure, Ledger, type Outcome } from './ledger.ts';
import { type Plan, planOf } from './plan.ts';
import { processesOf } from './processes.ts';
import { type Random, randomFrom } from './random.ts';
import { ROUTES } from './setting.ts';
import {
  busyServices,
  type DescriptorCounts,
  descriptorCounts,
  type MemoryFigures,
  memoryOf,
  settles,
} from './settling.ts';
import { spoolFiles } from '../streams/weir-child.ts';
import { type Stage, startStage } from './stage.ts';

const LOG_MS = 200; // between looks at the log
const REST_MS = 150; // longest rest of a client between two requests
const WARM_UP_SECONDS = 30; // or a third of the whole
const RECORDS_MS = 10_000; // until every answer has its record
const RECOVERY_MS = 45_000; // until every route serves again: outliers are left out for 30 s
/** MiB; resident memory may grow most, since the allocator keeps pages: 123 were seen in ten minutes. */
const MOST_GROWTH: Readonly<MemoryFigures> = { heap: 24, buffers: 16, resident: 200 };
/** Descriptors that are no sockets: a new part of the traces, and threads that scan, which start when needed. */
const MOST_FILES = 16;

export interface SoakOptions {
  readonly seconds: number;
  readonly clients: number;
  readonly seed: number;
  /** Aborted: no further requests; what is under way comes to its end and is summed up. */
  readonly signal?: AbortSignal;
  /** Called about every second. */
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly seconds: number;
  readonly requests: number;
  readonly counts: Readonly<Record<Outcome, number>>;
  readonly failed: number;
  readonly megabytes: number;
}

interface BeforeAfter<T> {
  readonly before: T;
  readonly after: T;
}

export interface Summary extends Progress {
  readonly ok: boolean;
  readonly seed: number;
  readonly clients: number;
  /** Messages that a service with `onError: bypass` did not see. */
  readonly bypassed: number;
  /** Error codes of pages and cuts. */
  readonly codes: Readonly<Record<string, number>>;
  /** What was done to servers, and what the fault server did. */
  readonly chaos: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  /** Seconds until every route served again; null: not in time. */
  readonly recovery: number | null;
  readonly memory: BeforeAfter<MemoryFigures>;
  readonly descriptors: BeforeAfter<DescriptorCounts>;
  readonly failures: readonly Failure[];
  /** Folder with configurations and logs, kept where something failed; else null. */
  readonly folder: string | null;
}

/**
 * Runs one. What Weir does wrong is in the summary's failures.
 * @throws {Error} when something cannot be started
 */
export async function soak(options: SoakOptions): Promise<Summary> {
  const { seconds, clients, seed } = options;
  const ledger: Ledger = new Ledger({
    story: (number) => stage.origin.story(number),
    events: () => stage.chaos.recent(),
  });
  await using stage: Stage = await startStage(seed, (problem, number) => ledger.fail(problem, number));
  const { sockets } = descriptorCounts(stage.weir.pid);
  const run = new Run(stage, ledger, randomFrom(seed), options.signal ?? null);
  const watched = run.watch(options.onProgress);

  // Caches, pools and compiled code are filled first, so that they do not count as leaks.
  const warmUp = Math.min(WARM_UP_SECONDS, seconds / 3);
  await run.storm(warmUp, clients);
  const memoryBefore = await run.rest();
  const { files } = descriptorCounts(stage.weir.pid); // threads of blades have some, and start when needed
  await run.storm(seconds - warmUp, clients);
  const recovery = await run.recovery();
  const memoryAfter = await run.rest();
  const descriptorsBefore = { sockets, files };
  const descriptorsAfter = await run.emptied(descriptorsBefore);
  for (const kind of ['heap', 'buffers', 'resident'] as const) {
    const [before, after] = [memoryBefore[kind], memoryAfter[kind]];
    if (after - before > MOST_GROWTH[kind])
      ledger.fail(`memory (${kind}) grew by ${after - before} MiB, from ${before} MiB`);
  }

  run.over = true;
  await watched;
  const exit = await stage.weir.stop();
  if (exit !== 0) ledger.fail(`Weir ended with ${exit} on SIGTERM: ${stage.weir.output.slice(-2000)}`);
  await ledger.readLog(stage.logPath);
  await ledger.close();
  stage.keepFolder = ledger.failed > 0;
  return {
    ...run.progress(),
    ...{ ok: ledger.failed === 0, seed, clients, bypassed: ledger.bypassed, recovery },
    codes: Object.fromEntries(ledger.codes),
    chaos: Object.fromEntries(stage.chaos.counts),
    faults: Object.fromEntries(stage.faults.faults),
    memory: { before: memoryBefore, after: memoryAfter },
    descriptors: { before: descriptorsBefore, after: descriptorsAfter },
    failures: ledger.failures,
    folder: stage.keepFolder ? stage.folder.path : null,
  };
}

const ROUTE_NAMES = ROUTES.map(({ name }) => name);
/** A request without any peculiarity. */
const CALM: Omit<Plan, 'number' | 'route'> = {
  ...{ secure: true, down: 100_000, up: null, infection: null, upFraming: 'length', downFraming: 'length' },
  ...{ expectContinue: false, slow: false, abortAfterMs: null, fresh: true },
};

class Run {
  /** Nothing more is to be watched. */
  over = false;
  readonly #stage: Stage;
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #startedAt = performance.now();
  readonly #signal: AbortSignal | null;
  #number = 0;

  constructor(stage: Stage, ledger: Ledger, random: Random, signal: AbortSignal | null) {
    this.#stage = stage;
    this.#ledger = ledger;
    this.#random = random;
    this.#signal = signal;
  }

  progress(): Progress {
    const { requests, counts, failed, bytes } = this.#ledger;
    const seconds = Math.round(this.#elapsed());
    return { seconds, requests, counts: { ...counts }, failed, megabytes: Math.round(bytes / 1e6) };
  }

  /** Follows the log, and Weir's life, until the run is over. */
  async watch(onProgress: ((progress: Progress) => void) | undefined): Promise<void> {
    const { weir, logPath } = this.#stage;
    for (let looks = 1; !this.over; looks++) {
      await sleep(LOG_MS);
      await this.#ledger.readLog(logPath);
      if (looks % 5 === 0) onProgress?.(this.progress());
      if (!weir.up && !this.over) {
        this.#ledger.fail(`Weir ended by itself: ${weir.output.slice(-2000)}`);
        this.over = true;
      }
    }
  }

  /** So many clients, and everything that is done to servers, for so many seconds. */
  async storm(seconds: number, clients: number): Promise<void> {
    this.#stage.chaos.start();
    const endAt = this.#elapsed() + seconds;
    const one = async (): Promise<void> => {
      const client = new SoakClient(this.#stage.target);
      const random = randomFrom(this.#random.int(0, 2 ** 31));
      while (this.#elapsed() < endAt && !this.over && this.#signal?.aborted !== true) {
        await this.#attempt(client, planOf(random, ++this.#number, ROUTE_NAMES));
        await sleep(random.int(0, REST_MS));
      }
      client.close();
    };
    await Promise.all(Array.from({ length: clients }, one));
    await this.#stage.chaos.stop();
  }

  /** Lets everything that is under way come to its end. @returns memory that is in use then */
  async rest(): Promise<MemoryFigures> {
    const { origin, ports, weir } = this.#stage;
    origin.dropConnections();
    await settles(() => this.#ledger.waiting === 0 || this.over, RECORDS_MS);
    let busy: readonly string[] = [];
    const idle = async (): Promise<boolean> => (busy = await busyServices(ports.dashboard)).length === 0;
    if (!(await settles(idle, RECORDS_MS)))
      this.#ledger.fail(`nothing is under way, and services have connections in use: ${busy.join(', ')}`);
    return memoryOf(weir);
  }

  /** Asks every route until it serves. @returns seconds until all of them did */
  async recovery(): Promise<number | null> {
    const startedAt = performance.now();
    const serves = ROUTE_NAMES.map((route) =>
      settles(async () => {
        const client = new SoakClient(this.#stage.target);
        const status = await this.#attempt(client, { ...CALM, number: ++this.#number, route });
        client.close();
        return status === 200;
      }, RECOVERY_MS),
    );
    if (!(await Promise.all(serves)).includes(false))
      return Math.round((performance.now() - startedAt) / 100) / 10;
    this.#ledger.fail('not every route serves again although all servers do');
    return null;
  }

  /** Takes every peer away: listeners are all that may be left, no spool file, and no process of the peers. */
  async emptied(before: DescriptorCounts): Promise<DescriptorCounts> {
    const { victims, faults, origin, weir, spoolFolder } = this.#stage;
    await Promise.all(victims.map((server) => server.kill()));
    await faults.stop();
    origin.dropConnections();
    let after = descriptorCounts(weir.pid);
    const closed = await settles(() => (after = descriptorCounts(weir.pid)).sockets <= before.sockets);
    if (!closed) this.#ledger.fail(`sockets are left open: ${JSON.stringify({ before, after })}`);
    if (after.files > before.files + MOST_FILES)
      this.#ledger.fail(`files are left open: ${JSON.stringify({ before, after })}`);
    const left = (): number[] => processesOf(this.#stage.folder, weir.pid);
    if (!(await settles(() => left().length === 0)))
      this.#ledger.fail(`processes of gateways that were killed live on: ${left().join(', ')}`);
    const spooled = spoolFiles(spoolFolder);
    if (spooled.length > 0) this.#ledger.fail(`spool files are left: ${spooled.join(', ')}`);
    return after;
  }

  #elapsed(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  async #attempt(client: SoakClient, plan: Plan): Promise<number> {
    this.#ledger.begin(plan);
    const seen = await client.carryOut(plan);
    this.#ledger.seen(plan, seen);
    return seen.status;
  }
}
