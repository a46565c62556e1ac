// What a gateway has beside its services, and keeps when these are exchanged at a reload: remembered
// verdicts, messages that wait for background blades, the quarantine, and whoever hears of incidents.

import { messageOf } from '../errors.ts';
import type { Incident } from '../telemetry/incidents.ts';
import { FloodGuard } from '../telemetry/flood-guard.ts';
import type { Telemetry } from '../telemetry/records.ts';
import { BackgroundQueue } from './background/background-queue.ts';
import type { BackgroundLimits } from './background/background-queue.ts';
import { Quarantine } from './quarantine/quarantine.ts';
import type { QuarantineLimits } from './quarantine/quarantine.ts';
import type { Flights } from './verdicts/remembered.ts';
import { UserCheck } from './usercheck/usercheck.ts';
import type { UserCheckOptions } from './usercheck/usercheck.ts';
import { VerdictStore } from './verdicts/verdict-store.ts';

export interface MemoryOptions {
  readonly verdicts: {
    readonly folder: string;
    readonly entries: number;
    readonly maxAgeMs: number;
    /** Default 250. */
    readonly refreshMs?: number;
  };
  readonly background: BackgroundLimits;
  readonly quarantine: QuarantineLimits;
  /** What users may continue past; absent or null: nothing. */
  readonly usercheck?: UserCheckOptions | null;
  /** Address of the dashboard's reports, up to the id; absent or null: block pages name the id alone. */
  readonly reports?: string | null;
}

export class GatewayMemory {
  readonly background: BackgroundQueue;
  /** Verdicts that are being made now. */
  readonly flights: Flights = new Map();
  readonly #telemetry: Telemetry;
  readonly #floods = new FloodGuard();
  readonly #following = new Set<Promise<unknown>>();
  #verdicts: VerdictStore;
  #quarantine: Quarantine;
  #usercheck: UserCheck | null;
  #options: MemoryOptions;

  constructor(options: MemoryOptions, telemetry: Telemetry) {
    this.#telemetry = telemetry;
    this.#options = options;
    this.#verdicts = this.#openVerdicts(options);
    this.#quarantine = new Quarantine(options.quarantine);
    this.#usercheck = this.#openUserCheck(options);
    this.background = new BackgroundQueue(options.background);
  }

  get verdicts(): VerdictStore {
    return this.#verdicts;
  }

  /** Address that the id of a report completes; null: there is none. */
  get reports(): string | null {
    return this.#options.reports ?? null;
  }

  /** Null: no user may continue past a block. */
  get usercheck(): UserCheck | null {
    return this.#usercheck;
  }

  get quarantine(): Quarantine {
    return this.#quarantine;
  }

  /** Takes over other limits and folders; what waits goes on. */
  reconfigure(options: MemoryOptions): void {
    const before = this.#options;
    this.#options = options;
    this.background.limits = options.background;
    if (!isEqual(before.quarantine, options.quarantine)) {
      this.#quarantine = new Quarantine(options.quarantine);
    }
    this.#usercheck = this.#openUserCheck(options);
    if (!isEqual(before.verdicts, options.verdicts)) this.#verdicts = this.#openVerdicts(options);
  }

  /** Tells whoever hears of incidents. Never throws. */
  incident(incident: Incident): void {
    this.#telemetry.incidents?.incident(incident);
  }

  /** Writes an event to the log, the same one only a few times and then now and then. */
  event(level: 'info' | 'warn', message: string, fields: object = {}): void {
    const leftOut = this.#floods.pass(message);
    if (leftOut === null) return;
    this.#telemetry.event(level, message, leftOut === 0 ? fields : { ...fields, leftOut });
  }

  /** Writes a warning that is never left out. */
  alert(message: string, fields: object): void {
    this.#telemetry.event('warn', message, fields);
  }

  /** Something that is still to be written when the answer is out: `close` waits for it. */
  follow(work: Promise<void>): void {
    const settled = work.catch(() => {}).finally(() => this.#following.delete(settled));
    this.#following.add(settled);
  }

  /** Lets background blades finish for up to that time and writes everything out. */
  async close(graceMs: number): Promise<void> {
    const dropped = await this.background.close(graceMs);
    if (dropped > 0)
      this.event('warn', 'messages were not judged in the background: Weir stops', { dropped });
    await Promise.all(this.#following);
    await this.#verdicts.flush();
    await this.#usercheck?.flush();
  }

  #openUserCheck({ usercheck = null }: MemoryOptions): UserCheck | null {
    if (usercheck === null) return null;
    return new UserCheck(usercheck, {
      incident: (incident) => this.incident(incident),
      log: (level, message, fields) => this.#telemetry.event(level, message, fields),
      event: (level, message, fields) => this.event(level, message, fields),
    });
  }

  #openVerdicts({ verdicts }: MemoryOptions): VerdictStore {
    const onTrouble = (error: unknown): void =>
      this.event('warn', 'verdicts cannot be kept on disk', {
        folder: verdicts.folder,
        reason: messageOf(error),
        remedy: 'Check free space and permissions of gateway.verdicts.folder.',
      });
    return new VerdictStore({ ...verdicts, onTrouble });
  }
}

function isEqual(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
