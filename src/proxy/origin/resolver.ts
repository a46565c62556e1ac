// Names to addresses, kept for a while: by the system's resolver (its hosts file, search domains and all), or
// by DNS servers of the configuration. One question a name at a time; a name that does not exist is remembered
// too. Which address is connected to first is address-order.ts. RFC 8305 §3, RFC 9520 §3.

import { lookup, Resolver as DnsClient } from 'node:dns';

export interface ResolverOptions {
  /** DNS servers, `address` or `address:port` with brackets around IPv6. Empty: the system's resolver. */
  readonly servers: readonly string[];
  readonly family: 'any' | 'ipv4' | 'ipv6';
  /** For one name, all servers and repetitions together. */
  readonly timeoutMs: number;
  readonly ttl: {
    /** Bounds on what servers say. */
    readonly minMs: number;
    readonly maxMs: number;
    /** For answers of the system, which tell no time. */
    readonly unknownMs: number;
    /** For names that do not exist. */
    readonly negativeMs: number;
  };
  /** Names that are kept; the one that was stored first goes first. */
  readonly maxEntries: number;
}

export const DEFAULT_RESOLVER: ResolverOptions = {
  servers: [],
  family: 'any',
  timeoutMs: 5000,
  ttl: { minMs: 1000, maxMs: 300_000, unknownMs: 30_000, negativeMs: 5000 },
  maxEntries: 4096,
};

/** libuv gives half of its threads to look-ups; what we did not hand over yet can still be given up. */
const MAX_LOOKUPS = 4;
const MAX_WAITING = 1000; // names
/** A server that fails is not a name that does not exist: asked again soon. */
const MAX_FAILURE_TTL = 1000; // milliseconds
/** Once one family has answered, the other is waited for this long (RFC 8305 §3). */
const RESOLUTION_DELAY = 50; // milliseconds
const MAX_ADDRESSES = 16; // of a name
const LOOPBACK = { ipv4: ['127.0.0.1'], ipv6: ['::1'], any: ['127.0.0.1', '::1'] } as const;

type Family = 4 | 6;
type Ask = (name: string, done: (error: NodeJS.ErrnoException | null, answer: Answer) => void) => void;

interface Answer {
  readonly addresses: readonly string[];
  readonly ttlMs: number;
}

interface Entry {
  readonly addresses: readonly string[];
  readonly error: NodeJS.ErrnoException | null;
  readonly expiresAt: number;
}

const NOTHING: Answer = { addresses: [], ttlMs: 0 };

export class Resolver {
  readonly #options: ResolverOptions;
  readonly #cache = new Map<string, Entry>();
  readonly #asking = new Map<string, Promise<readonly string[]>>();
  readonly #waiting: (() => void)[] = [];
  readonly #dns: DnsClient | null;
  #lookups = 0;

  constructor(options: ResolverOptions) {
    this.#options = options;
    const { servers, timeoutMs } = options;
    this.#dns = servers.length === 0 ? null : new DnsClient({ timeout: Math.ceil(timeoutMs / 3), tries: 2 });
    this.#dns?.setServers([...servers]);
  }

  /**
   * Addresses of a name, the preferred one first; at once where they are known.
   *
   * @param name  lower case, not an address
   * @throws {Error} with `code`: `ENOTFOUND`, `ENODATA`, `ETIMEOUT`, … as `node:dns` has them; `EBUSY` when
   *         more than a thousand names wait
   */
  resolve(name: string): readonly string[] | Promise<readonly string[]> {
    const known = this.#cache.get(name);
    if (known !== undefined && known.expiresAt > performance.now()) {
      if (known.error !== null) throw known.error;
      return known.addresses;
    }
    // Never a question for a server of somebody else (RFC 6761 §6.3).
    if (this.#dns !== null && /^(?:.+\.)?localhost$/.test(name)) return LOOPBACK[this.#options.family];
    const asking = this.#asking.get(name);
    if (asking !== undefined) return asking;
    const asked = this.#ask(name).finally(() => this.#asking.delete(name));
    this.#asking.set(name, asked);
    return asked;
  }

  #ask(name: string): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      let settled = false;
      const settle = (error: NodeJS.ErrnoException | null, answer: Answer): void => {
        clearTimeout(timer);
        this.#keep(name, error, answer);
        if (settled) return;
        settled = true;
        if (error === null) resolve(answer.addresses);
        else reject(error);
      };
      const timer = setTimeout(() => {
        const { timeoutMs } = this.#options;
        settle(failure('ETIMEOUT', `no answer for ${name} within ${timeoutMs} ms`), NOTHING);
      }, this.#options.timeoutMs);
      if (this.#dns === null) this.#askSystem(name, settle, () => settled);
      else this.#askServers(this.#dns, name, settle);
    });
  }

  #keep(name: string, error: NodeJS.ErrnoException | null, { addresses, ttlMs }: Answer): void {
    const { ttl, maxEntries } = this.#options;
    const isFinal = error?.code === 'ENOTFOUND' || error?.code === 'ENODATA';
    const failureMs = isFinal ? ttl.negativeMs : Math.min(ttl.negativeMs, MAX_FAILURE_TTL);
    const keptMs = error === null ? ttlMs : failureMs;
    this.#cache.delete(name);
    if (keptMs <= 0) return;
    this.#cache.set(name, { addresses, error, expiresAt: performance.now() + keptMs });
    if (this.#cache.size > maxEntries) this.#cache.delete(this.#cache.keys().next().value!);
  }

  // --- the system's resolver ---

  #askSystem(name: string, done: Parameters<Ask>[1], isGivenUp: () => boolean): void {
    const start = (): void => {
      if (isGivenUp()) return this.#startNext();
      this.#lookups++;
      const family = ({ any: 0, ipv4: 4, ipv6: 6 } as const)[this.#options.family];
      lookup(name, { all: true, family, verbatim: true }, (error, found) => {
        this.#lookups--;
        this.#startNext();
        if (error !== null) return done(error, NOTHING);
        const addresses = [...new Set(found.map(({ address }) => address))].slice(0, MAX_ADDRESSES);
        done(null, { addresses, ttlMs: this.#options.ttl.unknownMs });
      });
    };
    if (this.#lookups < MAX_LOOKUPS) start();
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(start);
    else done(failure('EBUSY', `more than ${MAX_WAITING} names are waiting to be looked up`), NOTHING);
  }

  #startNext(): void {
    this.#waiting.shift()?.();
  }

  // --- DNS servers of the configuration ---

  #askServers(dns: DnsClient, name: string, done: Parameters<Ask>[1]): void {
    const { family } = this.#options;
    const families: Family[] = family === 'any' ? [6, 4] : [family === 'ipv6' ? 6 : 4];
    const answers = new Map<Family, Answer>();
    const errors: NodeJS.ErrnoException[] = [];
    let delay: NodeJS.Timeout | null = null;
    const finish = (): void => {
      const found = families.flatMap((one) => answers.get(one) ?? []);
      if (found.length === 0) return done(worst(errors), NOTHING);
      const ttlMs = Math.min(...found.map((answer) => answer.ttlMs));
      done(null, { addresses: found.flatMap(({ addresses }) => addresses), ttlMs });
    };
    for (const one of families) {
      askFor(dns, name, one, (error, records) => {
        if (error === null) answers.set(one, this.#bounded(records));
        else errors.push(error);
        if (answers.size + errors.length === families.length) {
          if (delay !== null) clearTimeout(delay);
          finish(); // a late answer completes what is kept
        } else if (error === null) delay = setTimeout(finish, RESOLUTION_DELAY);
      });
    }
  }

  #bounded(records: readonly { address: string; ttl: number }[]): Answer {
    const { minMs, maxMs } = this.#options.ttl;
    const seconds = Math.min(...records.map(({ ttl }) => ttl));
    const addresses = records.slice(0, MAX_ADDRESSES).map(({ address }) => address);
    return { addresses, ttlMs: Math.min(Math.max(seconds * 1000, minMs), maxMs) };
  }
}

function askFor(
  dns: DnsClient,
  name: string,
  family: Family,
  done: (error: NodeJS.ErrnoException | null, records: { address: string; ttl: number }[]) => void,
): void {
  const answered: typeof done = (error, records) => {
    if (error !== null) done(error, []);
    else if (records.length === 0) done(failure('ENODATA', `no address of ${name}`), []);
    else done(null, records);
  };
  if (family === 4) dns.resolve4(name, { ttl: true }, answered);
  else dns.resolve6(name, { ttl: true }, answered);
}

/** What to say when no family has an address: that a server failed rather than that there is nothing. */
function worst(errors: readonly NodeJS.ErrnoException[]): NodeJS.ErrnoException {
  const isAnswer = ({ code }: NodeJS.ErrnoException): boolean => code === 'ENODATA' || code === 'ENOTFOUND';
  return (
    errors.find((error) => !isAnswer(error)) ?? errors.find(({ code }) => code === 'ENOTFOUND') ?? errors[0]!
  );
}

function failure(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code });
}
