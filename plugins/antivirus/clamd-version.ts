// Keeps clamd's engine and signature version for the fingerprint, which must answer at once: asked at set-up
// and at an interval from then on, since clamd takes new signatures without telling anybody.

import type { PluginLogger } from 'weir';
import type { Clamd } from './clamd.ts';
import { messageOf } from './text.ts';

export class ClamdVersion {
  readonly #clamd: Clamd;
  readonly #log: PluginLogger;
  readonly #timer: NodeJS.Timeout;
  readonly #abort = new AbortController();
  #current = 'unknown';
  #asking = false;
  #answers = true;

  private constructor(clamd: Clamd, log: PluginLogger, intervalMs: number) {
    this.#clamd = clamd;
    this.#log = log;
    this.#timer = setInterval(() => void this.#ask(), intervalMs).unref();
  }

  /** Asks once, then each `intervalMs` until `close`. A clamd that does not answer is a warning. */
  static async watch(clamd: Clamd, log: PluginLogger, intervalMs: number): Promise<ClamdVersion> {
    const version = new ClamdVersion(clamd, log, intervalMs);
    await version.#ask();
    return version;
  }

  /** As last answered, e.g. `ClamAV 1.4.3/27600/…`; `unknown` before the first answer. */
  get current(): string {
    return this.#current;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#abort.abort();
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const scanner = this.#clamd.address;
    try {
      const version = await this.#clamd.version(this.#abort.signal);
      if (version !== this.#current && this.#current !== 'unknown') {
        this.#log.info({ scanner, version, before: this.#current }, 'clamd has other signatures now');
      }
      this.#current = version;
      this.#answers = true;
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      if (this.#answers) this.#log.warn({ scanner, error: messageOf(error) }, 'clamd does not answer');
      this.#answers = false; // said once, until it answers again
    } finally {
      this.#asking = false;
    }
  }
}
