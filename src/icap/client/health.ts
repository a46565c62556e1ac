// Whether an ICAP service may be asked: its named state with the cause, since when, and the next try. A
// circuit breaker over exchanges and OPTIONS; what an exchange or a probe is, service-client.ts knows.
// K-03, K-63; unlike Squid's 180 s a service that failed is tried again within a second.

import type { WeirError } from '../../errors.ts';

/**
 * `probing`: OPTIONS was not answered yet, or is being asked again. `up`: messages go to it. `suspended`: it
 * answers OPTIONS but too many messages failed. `down`: OPTIONS failed.
 */
export type ServiceState = 'probing' | 'up' | 'suspended' | 'down';

/** A state with everything an operator needs to act on it. */
export interface HealthStatus {
  readonly state: ServiceState;
  /** Why the service is not up; null while it is, and before the first try. */
  readonly cause: { readonly code: string; readonly message: string; readonly remedy: string } | null;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Milliseconds since the epoch of the next probe; null where none is due. */
  readonly nextTryAt: number | null;
  /** Messages that failed in a row. */
  readonly failures: number;
}

export interface HealthOptions {
  /** Failures in a row, or as many within WINDOW_MS if they are at least half of all, that suspend. */
  readonly failureLimit: number;
  /** Asks OPTIONS; resolves when the service answered well. */
  probe(): Promise<unknown>;
  /** Told of each change of state. */
  onChange(status: HealthStatus): void;
}

const WINDOW_MS = 10_000;
const FIRST_PROBE_MS = 500;
const EAGER_MS = 60_000; // so long a failed service is probed eagerly
const EAGER_PROBE_MS = 900;
const LAZY_PROBE_MS = 10_000;

export class ServiceHealth {
  readonly #options: HealthOptions;
  #state: ServiceState = 'probing';
  #cause: WeirError | null = null;
  #since = Date.now();
  #failingSince = 0; // on performance.now(), of the present trouble
  #timer: NodeJS.Timeout | null = null;
  #nextTryAt: number | null = null;
  #inRow = 0;
  #window = { startedAt: 0, good: 0, bad: 0 };
  #onTrial = false; // it answered OPTIONS after a suspension: the next message decides
  #closed = false;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  get state(): ServiceState {
    return this.#state;
  }

  /** Why no message may be sent now; null where one may. */
  get refusal(): WeirError | null {
    return this.#state === 'suspended' || this.#state === 'down' ? this.#cause : null;
  }

  status(): HealthStatus {
    const cause = this.#cause;
    const asking = this.refusal !== null && this.#timer === null && !this.#closed;
    return {
      state: asking ? 'probing' : this.#state,
      cause: cause === null ? null : { code: cause.code, message: cause.message, remedy: cause.remedy },
      since: this.#since,
      nextTryAt: this.#nextTryAt,
      failures: this.#inRow,
    };
  }

  /** A message was answered. */
  succeeded(): void {
    this.#inRow = 0;
    this.#onTrial = false;
    this.#rollWindow();
    this.#window.good++;
  }

  /** A message failed for a reason that lies with the service. */
  failed(error: WeirError): void {
    this.#inRow++;
    this.#rollWindow();
    const window = this.#window;
    window.bad++;
    if (this.#state !== 'up') return;
    const { failureLimit } = this.#options;
    const tooMany = this.#inRow >= failureLimit || (window.bad >= failureLimit && window.bad >= window.good);
    if (!tooMany && !this.#onTrial) return;
    if (!this.#onTrial) this.#failingSince = performance.now();
    this.#schedule();
    this.#enter('suspended', error);
  }

  /** OPTIONS was answered: messages may go. The counters start anew (K-63). */
  optionsSucceeded(): void {
    this.#cancelProbe();
    this.#onTrial = this.#state === 'suspended' || (this.#state === 'probing' && this.#failingSince > 0);
    if (!this.#onTrial) this.#failingSince = 0;
    this.#inRow = 0;
    this.#window = { startedAt: performance.now(), good: 0, bad: 0 };
    this.#enter('up', null);
  }

  optionsFailed(error: WeirError): void {
    if (this.#failingSince === 0) this.#failingSince = performance.now();
    this.#schedule();
    this.#enter('down', error);
  }

  close(): void {
    this.#closed = true;
    this.#cancelProbe();
  }

  #enter(state: ServiceState, cause: WeirError | null): void {
    const changed = this.#state !== state;
    this.#cause = cause;
    if (!changed) return;
    this.#state = state;
    this.#since = Date.now();
    this.#options.onChange(this.status());
  }

  /** The next probe: within a second while the trouble is fresh, more rarely for a server that stays away. */
  #schedule(): void {
    if (this.#closed || this.#timer !== null) return;
    const age = performance.now() - this.#failingSince;
    const delay = age < FIRST_PROBE_MS ? FIRST_PROBE_MS : age < EAGER_MS ? EAGER_PROBE_MS : LAZY_PROBE_MS;
    this.#nextTryAt = Date.now() + delay;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#nextTryAt = null;
      this.#options.probe().catch(() => {}); // its outcome comes back as optionsSucceeded or optionsFailed
    }, delay).unref();
  }

  #cancelProbe(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#nextTryAt = null;
  }

  #rollWindow(): void {
    const now = performance.now();
    if (now - this.#window.startedAt > WINDOW_MS) this.#window = { startedAt: now, good: 0, bad: 0 };
  }
}

const OURS = new Set(['ERR_ADAPT_UNAVAILABLE', 'ERR_ADAPT_TLS', 'ERR_ADAPT_TIMEOUT', 'ERR_ADAPT_PROTOCOL']);

/** Whether an error says that the service is in trouble, and not the message, the user or the origin. */
export function isServiceFailure(error: WeirError): boolean {
  if (OURS.has(error.code)) return true;
  // 4xx judges the message; 5xx and what is no ICAP answer judge the service.
  return error.code === 'ERR_ADAPT_STATUS' && Number(error.fields['icapStatus'] ?? 500) >= 500;
}
