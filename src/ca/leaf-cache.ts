// Keeps the leaf of each site, and a ready TLS context for those that are met again, so that a handshake
// costs a look-up and not a signature. Decides which names share one, when a leaf is renewed, how many are
// kept, and with which keys session tickets are sealed; what is in a leaf is leaf.ts, what outlives the
// process leaf-store.ts and leaf-keys.ts.

import { randomBytes } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { SecureContext, SecureContextOptions } from 'node:tls';

import { LRUCache } from 'lru-cache';

import { printable, TlsError } from '../errors.ts';
import { TLS_SERVER_SETTINGS } from '../tls/server-settings.ts';
import type { CertificateAuthority } from './authority.ts';
import * as der from './der.ts';
import { foldedNames, foldedParent } from './folding.ts';
import type { Leaf, LeafKey } from './leaf.ts';
import { BACKDATE_MS, leafName, mintLeaf, processLeafKey } from './leaf.ts';
import { LeafKeys } from './leaf-keys.ts';
import type { LeafKind } from './leaf-keys.ts';
import type { LeafStore } from './leaf-store.ts';
import { SharedContext } from './shared-context.ts';

const DEFAULT_MAX = 5_000;
const MAX_AGE_MS = 24 * 3_600_000; // then a leaf is replaced, whatever its end
const RENEW_BEFORE_END_MS = 3_600_000; // so that none expires while a connection starts
const TICKET_KEYS_MS = 12 * 3_600_000; // new contexts then seal tickets with new keys
const SESSION_SECONDS = 3_600; // how long a client may resume
/**
 * Handshakes of a site in the shared context. A leaf put into it costs a third of a context of its own: most
 * names are met once or twice, and those that are met often pay little more than before.
 */
const SHARED_USES = 2;

export interface LeafContextsOptions {
  /** How many names are kept, default 5000; the one unused longest goes. A context takes about 30 KiB. */
  readonly max?: number;
  /** Further options of every context, e.g. `minVersion`. */
  readonly secureOptions?: Omit<SecureContextOptions, 'cert' | 'key' | 'pfx'>;
  /** Keys of the leafs, default the process's. */
  readonly keys?: LeafKeys;
  /** Whether sub-domains of one parent share a leaf with a wildcard, default false. */
  readonly wildcards?: boolean;
  /** Leafs of former times, and where new ones go; default null. */
  readonly store?: LeafStore | null;
  /** Clock in milliseconds since the epoch, default `Date.now`. */
  readonly now?: () => number;
}

/**
 * The context for one handshake. To be called when its TLSSocket is made, not before: the context may be one
 * that the next call gives another certificate.
 */
export type LeafTls = () => SecureContext;

interface Entry {
  /** The leaf and what is above it. */
  readonly pem: string;
  readonly key: LeafKey;
  context: SecureContext | null;
  /** Handshakes in the shared context. */
  sharedUses: number;
  readonly validFrom: number;
  readonly renewAt: number;
}

export class LeafContexts {
  readonly #ca: CertificateAuthority;
  readonly #entries: LRUCache<string, Entry>;
  readonly #secureOptions: SecureContextOptions;
  readonly #keys: LeafKeys;
  readonly #wildcards: boolean;
  readonly #store: LeafStore | null;
  readonly #now: () => number;
  readonly #keyTexts = new WeakMap<LeafKey, string>();
  readonly #shared = new Map<LeafKey, SharedContext | null>();
  #ticketKeys = randomBytes(48);
  #ticketKeysUntil: number;
  #hits = 0;
  #misses = 0;

  constructor(ca: CertificateAuthority, options: LeafContextsOptions = {}) {
    this.#ca = ca;
    this.#entries = new LRUCache({ max: options.max ?? DEFAULT_MAX });
    this.#keys = options.keys ?? LeafKeys.unkept(processLeafKey());
    this.#wildcards = options.wildcards ?? false;
    this.#store = options.store ?? null;
    this.#now = options.now ?? Date.now;
    this.#ticketKeysUntil = this.#now() + TICKET_KEYS_MS;
    this.#secureOptions = {
      // No trust roots: they would check client certificates only, and reading them blocks Node 20 for
      // some 20 ms at the first context.
      ca: [],
      sessionTimeout: SESSION_SECONDS,
      sessionIdContext: 'weir',
      ...TLS_SERVER_SETTINGS,
      ...options.secureOptions,
    };
  }

  /** How often a context was ready, and how often it had to be made. */
  get uses(): { readonly hits: number; readonly misses: number } {
    return { hits: this.#hits, misses: this.#misses };
  }

  /** How many leafs are kept now. */
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
   * @throws {TlsError} `ERR_TLS_NAME`: no host name, or outside of the CA's name constraints;
   *         `ERR_CA_INVALID` (the CA has expired)
   */
  contextFor(name: string): SecureContext {
    return this.#ownContext(this.#entryFor('ec', name, this.#keys.ec));
  }

  /**
   * As {@link contextFor}, for one handshake that starts at once: the first ones of a name share a context.
   * @throws {TlsError} as {@link contextFor}; the returned function never throws
   */
  leafFor(name: string): LeafTls {
    return this.#forOneHandshake(this.#entryFor('ec', name, this.#keys.ec));
  }

  /** As {@link leafFor}, with an RSA leaf; a promise while the first RSA key is being made. */
  rsaLeafFor(name: string): LeafTls | Promise<LeafTls> {
    const key = this.#keys.rsa;
    const leaf = (made: LeafKey): LeafTls => this.#forOneHandshake(this.#entryFor('rsa', name, made));
    return key instanceof Promise ? key.then(leaf) : leaf(key);
  }

  /** Forgets all contexts; connections that use one keep it. */
  clear(): void {
    this.#entries.clear();
  }

  /** Writes out what is to outlive the process. Never rejects. */
  async close(): Promise<void> {
    await this.#store?.flush();
  }

  #entryFor(kind: LeafKind, name: string, key: LeafKey): Entry {
    const now = this.#now();
    const shared = this.#wildcards ? this.#parentOf(name) : null;
    // Not the bare parent: that may have a leaf of its own, without the wildcard.
    const place = shared === null ? name : `*.${shared}`;
    const found = this.#entries.get(`${kind} ${place}`);
    if (found !== undefined && isFresh(found, now)) {
      this.#hits++;
      return found;
    }
    const normal = leafName(name);
    if (normal !== name) return this.#entryFor(kind, normal, key);
    const names = shared === null ? [normal] : foldedNames(shared);
    return this.#make(kind, place, names, key, now);
  }

  /** Null where the name gets a leaf of its own. */
  #parentOf(name: string): string | null {
    const parent = foldedParent(name);
    if (parent === null || this.#ca.bounds.length === 0) return parent;
    return this.#ca.permits(parent) ? parent : null; // then the wildcard is within bounds too
  }

  #make(kind: LeafKind, place: string, names: string[], key: LeafKey, now: number): Entry {
    const [name = ''] = names;
    if (!this.#ca.permits(name)) {
      const message = `the name constraints of the CA do not allow a certificate for ${printable(name)}: splice it in proxy.tls.rules`;
      throw new TlsError('ERR_TLS_NAME', message, { host: name });
    }
    const stored = this.#stored(kind, place, key, now);
    const leaf = stored ?? mintLeaf(this.#ca, names, key, now);
    if (stored === null) this.#store?.add(kind, place, leaf.der);
    this.#misses++;
    const mintedAt = leaf.notBefore.getTime() + BACKDATE_MS;
    const entry: Entry = {
      pem: leaf.pem + this.#ca.chainPem,
      key,
      context: null,
      sharedUses: 0,
      validFrom: leaf.notBefore.getTime(),
      renewAt: Math.min(mintedAt + MAX_AGE_MS, leaf.notAfter.getTime() - RENEW_BEFORE_END_MS),
    };
    this.#entries.set(`${kind} ${place}`, entry);
    return entry;
  }

  #ownContext(entry: Entry): SecureContext {
    return (entry.context ??= this.#createContext(entry));
  }

  #forOneHandshake(entry: Entry): LeafTls {
    return () => {
      if (entry.context !== null || entry.sharedUses >= SHARED_USES) return this.#ownContext(entry);
      const shared = this.#sharedContext(entry);
      if (shared === null) return this.#ownContext(entry);
      entry.sharedUses++;
      return shared.bearing(entry.pem);
    };
  }

  #sharedContext(entry: Entry): SharedContext | null {
    const now = this.#now();
    if (now >= this.#ticketKeysUntil) this.#shared.clear();
    let shared = this.#shared.get(entry.key);
    if (shared === undefined) {
      shared = SharedContext.of(this.#createContext(entry));
      this.#shared.set(entry.key, shared);
    }
    return shared;
  }

  #createContext({ key, pem }: Entry): SecureContext {
    return createSecureContext({
      ...this.#secureOptions,
      key: this.#keyText(key),
      cert: pem,
      ticketKeys: this.#currentTicketKeys(this.#now()),
    });
  }

  /** A leaf of a former run that is still fresh. */
  #stored(kind: LeafKind, name: string, key: LeafKey, now: number): Leaf | null {
    const x509 = this.#store?.take(kind, name, this.#ca.x509, key.privateKey) ?? null;
    if (x509 === null) return null;
    const notBefore = new Date(x509.validFrom);
    const notAfter = new Date(x509.validTo);
    if (now < notBefore.getTime() || now >= notBefore.getTime() + BACKDATE_MS + MAX_AGE_MS) return null;
    return now < notAfter.getTime() - RENEW_BEFORE_END_MS
      ? { der: x509.raw, pem: der.pem('CERTIFICATE', x509.raw), notBefore, notAfter }
      : null;
  }

  #keyText(key: LeafKey): string {
    let text = this.#keyTexts.get(key);
    if (text === undefined) {
      text = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      this.#keyTexts.set(key, text);
    }
    return text;
  }

  /** The same for all contexts of some hours, so that a session outlives its context. In memory only. */
  #currentTicketKeys(now: number): Buffer {
    if (now >= this.#ticketKeysUntil) {
      this.#ticketKeys = randomBytes(48);
      this.#ticketKeysUntil = now + TICKET_KEYS_MS;
    }
    return this.#ticketKeys;
  }
}

/** The clock may also have been set back, to before the leaf. */
function isFresh(entry: Entry, now: number): boolean {
  return now < entry.renewAt && now >= entry.validFrom;
}
