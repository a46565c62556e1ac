// Verified objects that are kept for further parts of them, within bounds of time, bytes and number, each for
// the requests that it answers: same place, same choice by Vary, same judges, and the same client where it is
// not for everybody. Whether one is fresh enough is validators.ts.

import type { RawHeaders, ResponseHead } from '../../icap/codec/http-head.ts';
import { varyingValues } from './validators.ts';
import type { VerifiedObject } from './verified-object.ts';

const MAX_OBJECTS = 256;
const MAX_DIRECT = 1024; // places of which parts are not made here

/** Who asks, and how what comes back would be judged. */
export interface ObjectRequest {
  /** Equal for requests that may be answered with the same object, as far as the request alone says. */
  readonly key: string;
  readonly headers: RawHeaders;
  readonly client: string;
  /** Services that would judge a response, and their state. */
  planFor(response: ResponseHead, length: number | null): string;
}

/** For which requests an object is. */
export interface ObjectUse {
  /** Null: for every client. */
  readonly client: string | null;
  /** Values of the request fields in Vary; null: for nobody else. */
  readonly varying: string | null;
  readonly plan: string;
}

interface Kept {
  readonly key: string;
  readonly object: VerifiedObject;
  readonly use: ObjectUse;
  readonly until: number; // milliseconds of performance.now()
}

export class ObjectStore {
  readonly #keepMs: number;
  readonly #totalBytes: number;
  readonly #kept = new Set<Kept>(); // in the order of their last use
  readonly #direct = new Map<string, number>();
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(keepMs: number, totalBytes: number) {
    this.#keepMs = keepMs;
    this.#totalBytes = totalBytes;
  }

  /** Objects that are kept now. */
  get size(): number {
    return this.#kept.size;
  }

  /** An object for that request; it stays valid for what is done with it at once. */
  find(request: ObjectRequest): VerifiedObject | null {
    const now = performance.now();
    for (const kept of this.#kept) {
      if (kept.key !== request.key || kept.until <= now) continue;
      if (!isFor(kept.object, kept.use, request)) continue;
      this.#kept.delete(kept);
      this.#kept.add(kept);
      return kept.object;
    }
    return null;
  }

  /** Keeps an object, if it is worth it; others make room. The caller's reference stays the caller's. */
  add(key: string, object: VerifiedObject, use: ObjectUse): void {
    if (this.#keepMs === 0 || object.size > this.#totalBytes || use.varying === null) return;
    for (const kept of this.#kept) {
      const { client, varying, plan } = kept.use;
      const isOfSame = client === use.client && varying === use.varying && plan === use.plan;
      if (kept.key === key && isOfSame) this.#drop(kept);
    }
    this.#kept.add({ key, object: object.retain(), use, until: performance.now() + this.#keepMs });
    this.#bytes += object.size;
    for (const kept of this.#kept) {
      if (this.#bytes <= this.#totalBytes && this.#kept.size <= MAX_OBJECTS) break;
      this.#drop(kept);
    }
    this.#timer ??= setInterval(() => this.#expire(), Math.max(this.#keepMs / 4, 1)).unref();
  }

  /** Parts of what is there come from the origin for a while. */
  markDirect(key: string): void {
    if (this.#keepMs === 0) return;
    const [oldest] = this.#direct.keys();
    if (this.#direct.size >= MAX_DIRECT && oldest !== undefined) this.#direct.delete(oldest);
    this.#direct.set(key, performance.now() + this.#keepMs);
  }

  isDirect(key: string): boolean {
    const until = this.#direct.get(key);
    if (until === undefined) return false;
    if (until > performance.now()) return true;
    this.#direct.delete(key);
    return false;
  }

  /** Everything is judged anew from now on. What is being read stays until it has been. */
  clear(): void {
    for (const kept of this.#kept) this.#drop(kept);
    this.#direct.clear();
  }

  #drop(kept: Kept): void {
    this.#kept.delete(kept);
    this.#bytes -= kept.object.size;
    kept.object.release();
    if (this.#kept.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #expire(): void {
    const now = performance.now();
    for (const kept of this.#kept) if (kept.until <= now) this.#drop(kept);
  }
}

/** Whether an object answers a request with the same key. */
export function isFor(object: VerifiedObject, use: ObjectUse, request: ObjectRequest): boolean {
  const { origin, announced } = object.facts;
  if (use.client !== null && use.client !== request.client) return false;
  if (use.varying === null || use.varying !== varyingValues(origin.headers, request.headers)) return false;
  return use.plan === request.planFor(origin, announced);
}
