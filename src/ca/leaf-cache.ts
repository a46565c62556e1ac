// Keeps a ready TLS context per name, so that a handshake costs a look-up and not a signature. Decides when
// a leaf is renewed and how many are kept; what is in one is leaf.ts.

import { createSecureContext } from 'node:tls';
import type { SecureContext, SecureContextOptions } from 'node:tls';

import { LRUCache } from 'lru-cache';

import type { CertificateAuthority } from './authority.ts';
import { leafName, mintLeaf, processLeafKey } from './leaf.ts';
import type { LeafKey } from './leaf.ts';

const DEFAULT_MAX = 5_000;
const MAX_AGE_MS = 24 * 3_600_000; // then a leaf is replaced, whatever its end
const RENEW_BEFORE_END_MS = 3_600_000; // so that none expires while a connection starts

export interface LeafContextsOptions {
  /** How many names are kept, default 5000; the one unused longest goes. A context takes about 30 KiB. */
  readonly max?: number;
  /** Further options of every context, e.g. `minVersion`. */
  readonly secureOptions?: Omit<SecureContextOptions, 'cert' | 'key' | 'pfx'>;
  /** Key of the leafs, default the process's. */
  readonly leafKey?: LeafKey;
  /** Clock in milliseconds since the epoch, default `Date.now`. */
  readonly now?: () => number;
}

interface Entry {
  readonly context: SecureContext;
  readonly validFrom: number;
  readonly renewAt: number;
}

export class LeafContexts {
  readonly #ca: CertificateAuthority;
  readonly #entries: LRUCache<string, Entry>;
  readonly #secureOptions: SecureContextOptions;
  readonly #leafKey: LeafKey;
  readonly #now: () => number;

  constructor(ca: CertificateAuthority, options: LeafContextsOptions = {}) {
    this.#ca = ca;
    this.#entries = new LRUCache({ max: options.max ?? DEFAULT_MAX });
    this.#leafKey = options.leafKey ?? processLeafKey();
    this.#now = options.now ?? Date.now;
    this.#secureOptions = {
      // No trust roots: they would check client certificates only, and reading them blocks Node 20 for
      // some 20 ms at the first context.
      ca: [],
      ...options.secureOptions,
      key: this.#leafKey.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    };
  }

  /** How many names are kept now. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * The context for a name, minted at the first use and renewed an hour before its end, or a day after.
   *
   * Synchronous on purpose: a miss costs under a millisecond, less than to hand it to a thread, and six
   * tunnels that a page opens to one host at once can never mint six leafs.
   *
   * @param name  DNS name, or address without brackets; case does not matter
   * @throws {TlsError} `ERR_TLS_NAME`, `ERR_CA_INVALID` (the CA has expired)
   */
  contextFor(name: string): SecureContext {
    const now = this.#now();
    const found = this.#entries.get(name);
    if (found !== undefined && isFresh(found, now)) return found.context;
    const normal = leafName(name);
    if (normal !== name) return this.contextFor(normal);
    return this.#mint(normal, now).context;
  }

  /** Forgets all contexts; connections that use one keep it. */
  clear(): void {
    this.#entries.clear();
  }

  #mint(name: string, now: number): Entry {
    const leaf = mintLeaf(this.#ca, [name], this.#leafKey, now);
    const cert = leaf.pem + this.#ca.chainPem;
    const entry: Entry = {
      context: createSecureContext({ ...this.#secureOptions, cert }),
      validFrom: leaf.notBefore.getTime(),
      renewAt: Math.min(now + MAX_AGE_MS, leaf.notAfter.getTime() - RENEW_BEFORE_END_MS),
    };
    this.#entries.set(name, entry);
    return entry;
  }
}

/** The clock may also have been set back, to before the leaf. */
function isFresh(entry: Entry, now: number): boolean {
  return now < entry.renewAt && now >= entry.validFrom;
}
