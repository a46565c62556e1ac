// What one client may make a connection do for nothing: streams that it resets at once, settings and pings
// that must be acknowledged, frames that say nothing or come too late. Each kind has a bucket that refills;
// when one is empty the connection is closed with ENHANCE_YOUR_CALM. Endless header blocks are the codec's
// affair. CVE-2023-44487, CVE-2025-8671, CVE-2019-9512, CVE-2019-9515, CVE-2019-9518.

import { HttpError } from '../errors.ts';

export type Nuisance = 'reset' | 'settings' | 'ping' | 'empty' | 'window' | 'late' | 'ignored';

interface Bucket {
  readonly burst: number;
  /** Refilled a second. */
  readonly rate: number;
}

const PINGS: Bucket = { burst: 1000, rate: 100 }; // gRPC pings for every estimate of its bandwidth
const SETTINGS: Bucket = { burst: 64, rate: 1 };
const EMPTY: Bucket = { burst: 256, rate: 16 }; // some programs send one now and then to flush
const WINDOW: Bucket = { burst: 4096, rate: 256 }; // that open by next to nothing
const LATE: Bucket = { burst: 4096, rate: 256 }; // for streams that we have ended: they may be on their way
const IGNORED: Bucket = { burst: 4096, rate: 256 }; // priorities, types of extensions
const RESETS_PER_SECOND = 32;
/** A browser that leaves a page resets all that is open: two pages full must pass. */
const RESETS_PER_STREAM = 2;
const MIN_RESETS = 256;

export class SessionGuard {
  readonly #buckets: Record<Nuisance, Bucket>;
  readonly #levels: Record<Nuisance, { left: number; at: number }>;

  /** @param maxStreams  that may be open at a time */
  constructor(maxStreams: number) {
    const reset = {
      burst: Math.max(MIN_RESETS, maxStreams * RESETS_PER_STREAM),
      rate: RESETS_PER_SECOND,
    };
    this.#buckets = {
      ...{ reset, settings: SETTINGS, ping: PINGS, empty: EMPTY, window: WINDOW },
      ...{ late: LATE, ignored: IGNORED },
    };
    const at = performance.now();
    const full = (kind: Nuisance): { left: number; at: number } => ({ left: this.#buckets[kind].burst, at });
    this.#levels = {
      ...{ reset: full('reset'), settings: full('settings'), ping: full('ping') },
      ...{ empty: full('empty'), window: full('window'), late: full('late'), ignored: full('ignored') },
    };
  }

  /** Counts one. @returns why the connection has to end, or null */
  count(kind: Nuisance): HttpError | null {
    const { burst, rate } = this.#buckets[kind];
    const level = this.#levels[kind];
    const now = performance.now();
    level.left = Math.min(burst, level.left + ((now - level.at) / 1000) * rate) - 1;
    level.at = now;
    if (level.left >= 0) return null;
    const text = `more than ${burst} HTTP/2 ${NAMES[kind]} at once, or ${rate} a second`;
    return new HttpError('ERR_HTTP2_FLOOD', text, { kind });
  }
}

const NAMES: Record<Nuisance, string> = {
  reset: 'stream resets',
  settings: 'SETTINGS frames',
  ping: 'pings',
  empty: 'empty DATA frames',
  window: 'window updates of a few bytes',
  late: 'frames on ended streams',
  ignored: 'frames without effect',
};
