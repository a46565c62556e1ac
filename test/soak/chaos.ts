// What is done to the servers while clients are served: killed, frozen, started again, and Weir told to reload.
// One thing at a time is begun at random moments; what is down comes back by itself.

import { pause } from '../support/icap-peer.ts';
import type { FaultServer } from './fault-server.ts';
import type { Victim, WeirInstance } from './processes.ts';
import type { Random } from './random.ts';

const BETWEEN_MS = [300, 2500] as const;
const DOWN_MS = [100, 2500] as const;
const FROZEN_MS = [100, 3500] as const;
const RECENT = 12; // events that a failure is told

export interface ChaosOptions {
  readonly random: Random;
  readonly victims: readonly Victim[];
  readonly faults: FaultServer;
  /** Gets SIGHUP now and then. */
  readonly weir: WeirInstance;
  /** A victim could not be started again. */
  readonly onProblem: (problem: string) => void;
}

export class Chaos {
  /** Times that each thing was done. */
  readonly counts = new Map<string, number>();
  readonly #options: ChaosOptions;
  readonly #recent: string[] = [];
  readonly #busy = new Set<object>();
  readonly #underWay = new Set<Promise<void>>();
  #running = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: ChaosOptions) {
    this.#options = options;
  }

  /** The last events, with their moments. */
  recent(): readonly string[] {
    return [...this.#recent];
  }

  note(what: string): void {
    this.#recent.push(`${new Date().toISOString()} ${what}`);
    if (this.#recent.length > RECENT) this.#recent.shift();
  }

  start(): void {
    this.#running = true;
    this.#options.faults.honest = false;
    this.#loop = this.#run();
  }

  /** Resolves when every server is up and sound again. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.#loop;
    await Promise.all(this.#underWay);
    this.#options.faults.honest = true;
    this.note('all servers are up and sound');
  }

  async #run(): Promise<void> {
    const { random, victims, faults, weir } = this.#options;
    while (this.#running) {
      await pause(random.int(...BETWEEN_MS));
      const what = random.next();
      const victim = random.pick(victims);
      if (what < 0.08) {
        this.#count('weir reloaded');
        weir.signal('SIGHUP');
      } else if (what < 0.22) this.#begin(faults, () => this.#close(faults));
      else if (what < 0.4 && victim.freeze !== null) this.#begin(victim, () => this.#freeze(victim));
      else this.#begin(victim, () => this.#kill(victim));
    }
  }

  #begin(target: object, work: () => Promise<void>): void {
    if (this.#busy.has(target)) return;
    this.#busy.add(target);
    const done = work()
      .catch((error: Error) => this.#options.onProblem(error.message))
      .finally(() => {
        this.#busy.delete(target);
        this.#underWay.delete(done);
      });
    this.#underWay.add(done);
  }

  async #kill(victim: Victim): Promise<void> {
    this.#count(`${victim.name} killed`);
    await victim.kill();
    await pause(this.#options.random.int(...DOWN_MS));
    await victim.start();
    this.note(`${victim.name} is back`);
  }

  async #freeze(victim: Victim): Promise<void> {
    this.#count(`${victim.name} frozen`);
    victim.freeze!(true);
    await pause(this.#options.random.int(...FROZEN_MS));
    victim.freeze!(false);
    this.note(`${victim.name} goes on`);
  }

  async #close(faults: FaultServer): Promise<void> {
    this.#count('fault server closed');
    await faults.stop();
    await pause(this.#options.random.int(...DOWN_MS));
    await faults.listen();
    this.note('fault server is back');
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
    this.note(what);
  }
}
