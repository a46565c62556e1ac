// The other processes as a worker sees them: whether the pool has room for one more request, and telling
// the supervisor what this one serves. Numbers are a few milliseconds old; the bounds are of that kind.

import type { ServerPeers } from '../../icap/server/context.ts';
import type { IcapService } from '../../icap/service.ts';
import { InfoService } from '../simple-services.ts';
import type { BusyByService } from './messages.ts';

const REPORT_MS = 20; // between two reports of a busy worker

export class WorkerPeers implements ServerPeers {
  readonly #handlers: number;
  readonly #report: () => void;
  #elsewhere = 0;
  #servicesElsewhere: BusyByService = {};
  #pause: NodeJS.Timeout | null = null;
  #changedMeanwhile = false;

  /**
   * @param handlers  requests that all processes serve at a time, at most
   * @param report  tells the supervisor the state of now; called at once, then at most every 20 ms
   */
  constructor(handlers: number, report: () => void) {
    this.#handlers = handlers;
    this.#report = report;
  }

  /** What the supervisor says of the others. */
  setElsewhere(busy: number, services: BusyByService): void {
    this.#elsewhere = busy;
    this.#servicesElsewhere = services;
  }

  admits(service: IcapService, limit: number | null, ofService: number, ofAll: number): boolean {
    if (service instanceof InfoService) return true; // it takes no time, and is wanted when all is full
    if (ofAll + this.#elsewhere >= this.#handlers) return false;
    return limit === null || ofService + (this.#servicesElsewhere[service.path] ?? 0) < limit;
  }

  changed(): void {
    if (this.#pause !== null) {
      this.#changedMeanwhile = true;
      return;
    }
    this.#report();
    this.#pause = setTimeout(() => {
      this.#pause = null;
      if (!this.#changedMeanwhile) return;
      this.#changedMeanwhile = false;
      this.changed();
    }, REPORT_MS);
  }

  close(): void {
    if (this.#pause !== null) clearTimeout(this.#pause);
  }
}
