// Hosts that a client rejects again and again, although it accepts our certificates elsewhere, are passed
// through for it for a time: it pins them. For that client and user alone, to that very target, written to a
// file and to the log with what it was learned from. A client that accepts nothing does not trust the CA: it
// is named once, with what mends it, and nothing is learned of it.

import { messageOf } from '../../errors.ts';
import type { Telemetry } from '../../telemetry/records.ts';
import type { PolicyLine } from '../../trace/notes.ts';
import { ClientTrust } from './client-trust.ts';
import type { Standing } from './client-trust.ts';
import type { TlsFacts } from './rules.ts';
import type { LearnedSplice } from './splice-file.ts';
import { MAX_SPLICES, readSplices, signatureOf, writeSplices } from './splice-file.ts';

export interface SelfHealingSettings {
  /** Rejections of one host by one client. */
  readonly after: number;
  readonly withinMs: number;
  /** How long the host is passed through then. */
  readonly forMs: number;
  /** Nothing is passed through. */
  readonly strict: boolean;
}

/** A client that has rejected more hosts of late does not pin them all: it does not trust the CA any more. */
const MAX_PINNED_AT_ONCE = 3;
const MAX_OF_CLIENT = 16;
/** Ways to go away that say nothing of the certificate. */
const SILENT = new Set(['closed', 'reset', 'closed unused', 'reset unused']);
const SAVE_MS = 200;

export class SelfHealing {
  readonly #file: string;
  readonly #telemetry: Telemetry;
  readonly #now: () => number;
  readonly #trust = new ClientTrust();
  #settings: SelfHealingSettings;
  #splices = new Map<string, LearnedSplice>();
  /** Of the file as it was written or read last. */
  #signature: string | null = null;
  /** Keys that the file has, so that one that is gone was removed by somebody. */
  #stored = new Set<string>();
  #timer: NodeJS.Timeout | null = null;
  #isFull = false;

  /** @param now  the clock, for tests */
  constructor(
    file: string,
    settings: SelfHealingSettings,
    telemetry: Telemetry,
    now: () => number = Date.now,
  ) {
    this.#file = file;
    this.#settings = settings;
    this.#telemetry = telemetry;
    this.#now = now;
    this.#read();
  }

  /** Path of the file. */
  get file(): string {
    return this.#file;
  }

  /** Takes over other settings; what was learned stays. */
  configure(settings: SelfHealingSettings): void {
    this.#settings = settings;
  }

  /** What is passed through, oldest first. */
  get splices(): readonly LearnedSplice[] {
    return [...this.#splices.values()].filter(({ expiresAt }) => expiresAt > this.#now());
  }

  /** The splice that a tunnel falls under; null: none. */
  find(facts: TlsFacts): LearnedSplice | null {
    if (this.#splices.size === 0 || this.#settings.strict) return null;
    const key = keyOf(facts);
    if (!this.#splices.has(key)) return null;
    this.#look();
    const splice = this.#splices.get(key) ?? null;
    if (splice === null || splice.expiresAt > this.#now()) return splice;
    this.#splices.delete(key);
    this.#isFull = false;
    this.#saveSoon();
    const fields = { client: splice.client, user: splice.user, host: nameOf(splice) };
    this.#telemetry.event(
      'info',
      `${nameOf(splice)} is intercepted again for client ${splice.client}`,
      fields,
    );
    return null;
  }

  /** A client has used a connection that was intercepted. */
  accepted(facts: TlsFacts): void {
    this.#trust.accepted(whoOf(facts), nameOf(facts));
  }

  /**
   * A client has refused a certificate of ours, or gone away when it saw it.
   * @param how  name of the alert, or `closed` and the like
   * @param mayLearn  false where a rule says that the host is intercepted
   */
  rejected(facts: TlsFacts, how: string, mayLearn: boolean): void {
    // Who uses a host and now leaves without a word was in a hurry: users reload pages and close windows.
    if (SILENT.has(how) && this.#trust.uses(whoOf(facts), nameOf(facts))) return;
    const { after, withinMs, strict } = this.#settings;
    const rejection = { at: this.#now(), how };
    const standing = this.#trust.rejected(whoOf(facts), nameOf(facts), rejection, after, withinMs);
    const many = standing.hosts.length > MAX_PINNED_AT_ONCE;
    if (!standing.hasAccepted || many) {
      if (many || standing.rejections.length >= after) this.#tellOfDistrust(facts, standing);
      return;
    }
    if (mayLearn && !strict && standing.rejections.length >= after) this.#learn(facts, standing);
  }

  /** Writes what is not written yet. */
  close(): void {
    if (this.#timer !== null) this.#save();
  }

  // --- learning ---

  #learn(facts: TlsFacts, { rejections }: Standing): void {
    const { client, user, host, port, sni = null } = facts;
    const who = whoOf(facts);
    const own = this.splices.filter((splice) => whoOf(splice) === who).length;
    if (own >= MAX_OF_CLIENT || this.#splices.size >= MAX_SPLICES) return this.#tellOfLimit(client);
    const now = this.#now();
    const expiresAt = now + this.#settings.forMs;
    const splice = { client, user, host, port, sni, learnedAt: now, expiresAt, evidence: rejections };
    this.#splices.set(keyOf(facts), splice);
    this.#trust.forget(who, nameOf(facts));
    this.#saveSoon();
    const until = new Date(expiresAt).toISOString();
    const name = nameOf(facts);
    this.#telemetry.event(
      'warn',
      `${name} is spliced for client ${client} from now on, nothing of it is scanned: ${reasonFor(splice)}. ` +
        `Undo it with: weir splice remove ${name}; prevent it with proxy.tls.strict: true`,
      { client, user, host: name, port, until, evidence: rejections.map(timed) },
    );
  }

  #tellOfDistrust({ client, user }: TlsFacts, { rejections, hosts, hasAccepted }: Standing): void {
    if (!this.#trust.mayTell(`${client}\n${user ?? ''}`, this.#now())) return;
    const what = hasAccepted
      ? `rejects the certificates of many hosts now (${hosts.join(', ')})`
      : `has rejected the certificate of ${hosts.join(', ')} and never accepted one`;
    this.#telemetry.event(
      'warn',
      `client ${client} ${what}: it does not trust the Weir CA. ` +
        'On that machine: weir ca trust, or open http://weir.local/ through the proxy. ' +
        'Nothing is spliced for it; a host that it pins can be spliced by a rule of proxy.tls.rules',
      { client, user, hosts, evidence: rejections.map(timed) },
    );
  }

  #tellOfLimit(client: string): void {
    if (this.#isFull) return;
    this.#isFull = true;
    const what = `no more hosts are spliced for client ${client}: there are ${MAX_OF_CLIENT} of it, or ${MAX_SPLICES} in all`;
    this.#telemetry.event('warn', `${what}. See: weir splice list`, { client });
  }

  // --- the file ---

  /** Notices what somebody else has removed: at every use, as there are few. */
  #look(): void {
    if (signatureOf(this.#file) !== this.#signature) this.#read();
  }

  #read(): void {
    try {
      this.#signature = signatureOf(this.#file);
      const found = new Map(readSplices(this.#file).map((splice) => [keyOf(splice), splice]));
      for (const [key, splice] of this.#splices) {
        if (found.has(key) || !this.#stored.has(key)) continue;
        this.#splices.delete(key);
        this.#isFull = false;
        const fields = { client: splice.client, user: splice.user, host: nameOf(splice) };
        this.#telemetry.event('info', `the learned splice of ${nameOf(splice)} was removed`, fields);
      }
      for (const [key, splice] of found) {
        if (splice.expiresAt > this.#now()) this.#splices.set(key, splice);
      }
      this.#stored = new Set(found.keys());
    } catch (error) {
      const text = `learned splices cannot be read, they do not count: ${messageOf(error)}`;
      for (const key of this.#stored) this.#splices.delete(key);
      this.#telemetry.event('warn', text, { file: this.#file });
    }
  }

  #saveSoon(): void {
    this.#timer ??= setTimeout(() => this.#save(), SAVE_MS).unref();
  }

  #save(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    try {
      if (signatureOf(this.#file) !== this.#signature) this.#read();
      const splices = this.splices;
      this.#signature = writeSplices(this.#file, splices);
      this.#stored = new Set(splices.map(keyOf));
    } catch (error) {
      const text = `learned splices could not be written, they end with this process: ${messageOf(error)}`;
      this.#telemetry.event('warn', text, { file: this.#file });
    }
  }
}

/** Why a tunnel was passed through, for people. */
export function spliceLine(splice: LearnedSplice): PolicyLine {
  const until = new Date(splice.expiresAt).toISOString();
  const text = `spliced until ${until} because ${reasonFor(splice)}`;
  return { path: 'proxy.tls.selfHealing', text };
}

/** e.g. `client 192.0.2.7 rejected the certificate of app.example 3 times (unknown_ca)`. */
export function reasonFor(
  splice: Pick<LearnedSplice, 'client' | 'user' | 'host' | 'sni' | 'evidence'>,
): string {
  const { client, user, evidence } = splice;
  const who = user === null ? client : `${client}, user ${user},`;
  const times = evidence.length === 1 ? 'once' : `${evidence.length} times`;
  const how = [...new Set(evidence.map((rejection) => rejection.how))].join(', ');
  return `client ${who} rejected the certificate of ${nameOf(splice)} ${times} (${how})`;
}

/** The name that the client meant. */
export function nameOf({
  host,
  sni,
}: Pick<LearnedSplice, 'host'> & { readonly sni?: string | null | undefined }): string {
  return sni ?? host;
}

function timed({ at, how }: { readonly at: number; readonly how: string }): { time: string; how: string } {
  return { time: new Date(at).toISOString(), how };
}

type Key = Pick<TlsFacts, 'client' | 'user' | 'host' | 'port' | 'sni'>;

function whoOf({ client, user }: Pick<Key, 'client' | 'user'>): string {
  return `${client}\n${user ?? ''}`;
}

function keyOf(key: Key): string {
  return `${whoOf(key)}\n${key.host}\n${key.port}\n${key.sni ?? ''}`;
}
