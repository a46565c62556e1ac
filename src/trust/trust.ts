// Puts certificates into the trust stores of a machine and takes them out again: each store is asked first, so
// that what somebody else has put there stays theirs, and asked again afterwards, so that what is reported is
// what is so.

import type { X509Certificate } from 'node:crypto';
import { shortName } from '../ca/trust-files.ts';
import { messageOf } from '../errors.ts';
import { javaStores } from './java-stores.ts';
import { nssStores } from './nss-stores.ts';
import { type Added, TrustRecord } from './record.ts';
import { take } from './steps.ts';
import type { Found, Machine, Mark, Step, StoreKind, TrustStore } from './store.ts';
import { systemStores } from './system-store.ts';

/** What became of one certificate in one store. */
export interface Result {
  readonly kind: StoreKind;
  readonly label: string;
  readonly place: string;
  /** `kept`: trusted already; `gone`: it was taken out by somebody else before. */
  readonly outcome: 'added' | 'kept' | 'removed' | 'gone' | 'not-allowed' | 'failed' | 'planned';
  /** Why it failed. */
  readonly problem?: string;
  /** What would be done. */
  readonly steps?: readonly Step[];
}

export interface Report {
  readonly results: readonly Result[];
  /** Stores that are there and cannot be changed, a sentence each. */
  readonly missing: readonly string[];
  readonly notes: readonly string[];
}

export interface TrustOptions {
  /** Only these are looked at. */
  readonly kinds: readonly StoreKind[];
  /** Nothing is changed: results hold the steps. */
  readonly dryRun: boolean;
}

/** Finds the stores of a machine. */
export type Finder = (machine: Machine) => Found;

const FINDERS: Readonly<Record<StoreKind, Finder>> = {
  system: systemStores,
  nss: nssStores,
  java: javaStores,
};

export class TrustInstaller {
  readonly #machine: Machine;
  readonly #finders: Readonly<Record<StoreKind, Finder>>;

  /** @param finders  in the place of those that look at this machine */
  constructor(machine: Machine, finders: Partial<Record<StoreKind, Finder>> = {}) {
    this.#machine = machine;
    this.#finders = { ...FINDERS, ...finders };
  }

  /**
   * Lets every store trust every certificate.
   * @throws {TlsError} `ERR_TRUST_RECORD`; what a store says against it is in its result
   */
  async trust(certificates: readonly X509Certificate[], { kinds, dryRun }: TrustOptions): Promise<Report> {
    const record = await TrustRecord.open(this.#machine);
    const results: Result[] = [];
    const missing: string[] = [];
    const notes: string[] = [];
    for (const kind of kinds) {
      // One kind after the other: Debian's system store fills that of Java, which then has it already.
      const found = this.#finders[kind](this.#machine);
      missing.push(...found.missing);
      notes.push(...found.notes);
      for (const store of found.stores) {
        for (const certificate of certificates) {
          results.push(await this.#add(store, certificate, record, dryRun));
        }
      }
    }
    return { results, missing, notes };
  }

  /**
   * Takes out what {@link trust} has put in, of whichever CA.
   * @throws {TlsError} `ERR_TRUST_RECORD`
   */
  async untrust({ kinds, dryRun }: TrustOptions): Promise<Report> {
    const record = await TrustRecord.open(this.#machine);
    const results: Result[] = [];
    const missing: string[] = [];
    for (const kind of [...kinds].reverse()) {
      const entries = record.added.filter((entry) => entry.kind === kind);
      if (entries.length === 0) continue;
      const found = this.#finders[kind](this.#machine);
      missing.push(...found.missing);
      for (const entry of entries) {
        const store = found.stores.find(({ place }) => place === entry.place);
        if (store !== undefined) results.push(await this.#remove(store, entry, record, dryRun));
        else if (found.missing.length === 0) {
          if (!dryRun) await record.drop(entry);
          results.push({ kind, label: kind, place: entry.place, outcome: 'gone' });
        }
      }
    }
    return { results, missing, notes: [] };
  }

  async #add(
    store: TrustStore,
    certificate: X509Certificate,
    record: TrustRecord,
    dryRun: boolean,
  ): Promise<Result> {
    const mark = markOf(certificate);
    const { kind, label, place } = store;
    const result = (outcome: Result['outcome'], more: Partial<Result> = {}): Result => {
      return { kind, label, place, outcome, ...more };
    };
    if (await store.trusts(certificate)) return result('kept');
    const steps = store.install(mark, certificate);
    if (dryRun) return result('planned', { steps });
    if (!store.writable) return result('not-allowed');
    const known = record.added.find((entry) => isOf(entry, store, mark));
    const entry = known ?? { kind, place, ...mark, addedAt: new Date().toISOString() };
    if (known === undefined) await record.add(entry);
    try {
      await take(steps);
      if (await store.trusts(certificate)) return result('added');
      return result('failed', { problem: 'it was added, and is not trusted all the same' });
    } catch (error) {
      if (!(await store.holds(mark))) await record.drop(entry);
      return result('failed', { problem: messageOf(error) });
    }
  }

  async #remove(store: TrustStore, entry: Added, record: TrustRecord, dryRun: boolean): Promise<Result> {
    const { kind, label, place } = store;
    const result = (outcome: Result['outcome'], more: Partial<Result> = {}): Result => {
      return { kind, label, place, outcome, ...more };
    };
    if (!(await store.holds(entry))) {
      if (!dryRun) await record.drop(entry);
      return result('gone');
    }
    const steps = store.remove(entry);
    if (dryRun) return result('planned', { steps });
    if (!store.writable) return result('not-allowed');
    try {
      await take(steps);
    } catch (error) {
      return result('failed', { problem: messageOf(error) });
    }
    if (await store.holds(entry)) return result('failed', { problem: 'it was removed, and is still there' });
    await record.drop(entry);
    return result('removed');
  }
}

function isOf(entry: Added, { kind, place }: TrustStore, mark: Mark): boolean {
  return entry.kind === kind && entry.place === place && entry.fingerprint === mark.fingerprint;
}

function markOf(certificate: X509Certificate): Mark {
  const { fingerprint256, fingerprint } = certificate;
  return { name: shortName(certificate), fingerprint: fingerprint256, sha1: fingerprint };
}
