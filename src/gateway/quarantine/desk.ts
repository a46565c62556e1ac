// What people do with blocked content: look at it, take it out, let it pass. It works on the folders that
// the configuration names, so the dashboard and `weir quarantine` do the same, whichever processes run; a
// gateway learns of a release within a quarter of a second.

import type { Readable } from 'node:stream';
import type { Incident } from '../../telemetry/incidents.ts';
import { HttpError } from '../../errors.ts';
import type { Release } from '../verdicts/verdict-store.ts';
import { VerdictStore } from '../verdicts/verdict-store.ts';
import type { QuarantineEntry, QuarantineLimits } from './quarantine.ts';
import { Quarantine } from './quarantine.ts';

/** As `gateway.verdicts` and `gateway.quarantine` of a resolved configuration. */
export interface DeskOptions {
  readonly verdicts: { readonly folder: string; readonly entries: number; readonly maxAgeMs: number };
  readonly quarantine: QuarantineLimits;
}

/** How long a release holds unless told otherwise, milliseconds: 30 days. */
export const DEFAULT_RELEASE_MS = 30 * 24 * 3_600_000;

export class QuarantineDesk {
  readonly #quarantine: Quarantine;
  readonly #verdicts: VerdictStore;

  constructor({ verdicts, quarantine }: DeskOptions) {
    this.#quarantine = new Quarantine(quarantine);
    this.#verdicts = new VerdictStore(verdicts);
  }

  /** The newest first. */
  list(limit?: number): Promise<QuarantineEntry[]> {
    return this.#quarantine.list(limit);
  }

  /** Null where there is none of that incident id. */
  get(id: string): Promise<QuarantineEntry | null> {
    return this.#quarantine.get(id);
  }

  /**
   * The body as it was transferred: malware, most likely. Behind a token, and never inline in a page.
   * @throws {HttpError} `ERR_QUARANTINE` where there is none; the stream fails with `ERR_SPOOL` where it is damaged
   */
  open(id: string): Promise<Readable> {
    return this.#quarantine.open(id);
  }

  /** Removes the body and its description; a release of it stays. @returns false where there is none */
  delete(id: string): Promise<boolean> {
    return this.#quarantine.delete(id);
  }

  /**
   * Lets the content of an entry pass from now on.
   * @param forMs  for how long; 0 takes the release back
   * @throws {HttpError} `ERR_QUARANTINE` where there is none of that id
   */
  async release(id: string, forMs: number = DEFAULT_RELEASE_MS): Promise<QuarantineEntry> {
    const until = forMs === 0 ? null : Date.now() + forMs;
    const entry = await this.#quarantine.markReleased(id, until);
    await this.releaseContent({ sha256: entry.sha256, until: until ?? 0, blade: entry.blade });
    return entry;
  }

  /**
   * The same for what an incident was about, whether or not its body is in the quarantine.
   * @throws {HttpError} `ERR_QUARANTINE` where the incident has no content, e.g. a request without a body
   */
  async releaseIncident(
    { id, sha256, blade }: Pick<Incident, 'id' | 'sha256' | 'blade'>,
    forMs: number = DEFAULT_RELEASE_MS,
  ): Promise<Release> {
    if (sha256 === null) {
      throw new HttpError('ERR_QUARANTINE', `${id} was about a message without content`, { id });
    }
    const release: Release = { sha256, until: Date.now() + forMs, blade };
    if ((await this.get(id)) !== null) await this.#quarantine.markReleased(id, release.until);
    await this.releaseContent(release);
    return release;
  }

  /** Lets that content pass; `until` in the past takes it back. Resolves when it is on disk. */
  async releaseContent(release: Release): Promise<void> {
    this.#verdicts.release(release);
    await this.#verdicts.flush();
  }

  /** Releases in force. */
  async releases(): Promise<Release[]> {
    await this.#verdicts.fresh();
    return this.#verdicts.releases;
  }
}
