// One profile at work: holds a message's body, asks what is remembered of it, lets the awaited blades judge,
// and hands what is left to background blades. How it is answered is scan-service.ts; what is done about a
// block afterwards is aftermath.ts. G-03, G-06 … G-08, G-18, G-19.

import { createHash } from 'node:crypto';
import { PluginError } from '../errors.ts';
import type { HeldContent } from '../http/held-body.ts';
import type { IcapTransaction } from '../icap/service.ts';
import type { Blade, BladeMessage } from '../plugin/api.ts';
import type { Usage } from '../util/usage.ts';
import { WEIR_VERSION } from '../util/version.ts';
import { bladeMessage } from './blade-message.ts';
import { judgeLater } from './background/judge-later.ts';
import type { GatewayMemory } from './gateway-memory.ts';
import type { Identity } from './identity.ts';
import { readIdentity } from './identity.ts';
import type { BladeTrace, InspectionProfile, InspectionResult, Judge } from './inspection.ts';
import { ASK, awaitedBlades, backgroundBlades, enabledBlades, inspect } from './inspection.ts';
import { hasWayOn } from './usercheck/actions.ts';
import type { UserCheck } from './usercheck/usercheck.ts';
import type { Content } from './verdicts/remembered.ts';
import { judgeOnce, memoryKey, scopeOf, verdictKey } from './verdicts/remembered.ts';
import type { Release } from './verdicts/verdict-store.ts';

/** A message under inspection. */
export interface Subject {
  /** Names it on pages and in the log. */
  readonly incident: string;
  /** Who is behind it, as told: for the log. */
  readonly told: Identity;
  readonly message: BladeMessage;
  readonly held: HeldContent | null;
  /** Null where the body is empty or nothing asks for its hash. */
  readonly content: Content | null;
}

export interface Inspected extends InspectionResult {
  readonly subject: Subject;
}

/** What is known of an inspection so far, also where it fails in the end. */
export interface Progress {
  readonly incident: string;
  bytes: number;
  trace: readonly BladeTrace[];
}

export interface InspectorOptions {
  readonly path: string;
  readonly profile: InspectionProfile;
  /** All that there are; the profile enables some of them. */
  readonly blades: readonly Blade[];
  /** Null: nothing is remembered, kept or judged in the background. */
  readonly memory: GatewayMemory | null;
  /** Counts what the blades are working on, background ones included. */
  readonly usage: Usage | null;
}

export class Inspector {
  readonly path: string;
  readonly profile: InspectionProfile;
  /** All that judge here, in whatever mode. */
  readonly blades: readonly Blade[];
  readonly memory: GatewayMemory | null;
  readonly usage: Usage | null;
  readonly #awaited: readonly Blade[];
  readonly #background: readonly Blade[];
  readonly #rules: string;
  readonly #hasWayOn: boolean;
  readonly #scopes = new Map<Blade, { readonly fingerprint: string; readonly scope: string }>();

  constructor({ path, profile, blades, memory, usage }: InspectorOptions) {
    this.path = path;
    this.profile = profile;
    this.memory = memory;
    this.usage = usage;
    this.blades = enabledBlades(blades, profile);
    this.#awaited = awaitedBlades(this.blades, profile);
    this.#background = memory === null ? [] : backgroundBlades(this.blades, profile);
    this.#hasWayOn = hasWayOn(profile);
    this.#rules = rulesText(profile, this.blades);
  }

  /** Null where the profile lets no user continue past a block. */
  get usercheck(): UserCheck | null {
    return this.#hasWayOn ? (this.memory?.usercheck ?? null) : null;
  }

  /** Everything that verdicts depend on beside the message: what the ISTag and remembered verdicts go by. */
  get rules(): string {
    let text = this.#rules;
    for (const blade of this.blades) text += `\n${blade.name} ${fingerprintOf(blade)}`;
    return text;
  }

  /**
   * Judges a message.
   * @param identity  who is behind it, as far as it is believed
   * @param progress  kept up to date
   * @throws {WeirError} of a blade that failed, `ERR_SCAN_SIZE`, or of the body
   */
  async inspect(transaction: IcapTransaction, identity: Identity, progress: Progress): Promise<Inspected> {
    const { memory, profile } = this;
    const { body } = transaction;
    const { incident } = progress;
    const { maxSize = null, depth = null } = profile;
    try {
      const fresh = memory?.verdicts.fresh();
      if (fresh != null) await fresh;
      const declared = body?.declaredLength ?? 0;
      const tooLarge = maxSize !== null && declared > maxSize;
      const hash = body !== null && !tooLarge && this.#wantsHash ? createHash('sha256') : null;
      let held: HeldContent | null = null;
      if (body !== null && !tooLarge) {
        held = await (hash === null ? body.hold() : body.hold((chunk) => void hash.update(chunk)));
      }
      const bytes = held?.size ?? declared;
      progress.bytes = bytes;
      const message = { ...bladeMessage(transaction, identity, held), limits: { depth } };
      const content = hash === null || bytes === 0 ? null : contentOf(hash.digest('hex'), message);
      const told = readIdentity(transaction.icapHeaders);
      const subject: Subject = { incident, told, message, held, content };
      if (maxSize !== null && bytes > maxSize) return this.#tooLarge(subject, bytes, maxSize, progress);
      const result = await this.#judge(subject, transaction.signal);
      progress.trace = result.trace;
      return { ...result, subject };
    } catch (error) {
      progress.trace = (error as { trace?: readonly BladeTrace[] }).trace ?? progress.trace;
      throw error;
    }
  }

  /** Digest of what a blade's verdicts depend on beside the content. */
  scope(blade: Blade): string {
    const fingerprint = fingerprintOf(blade);
    let known = this.#scopes.get(blade);
    if (known?.fingerprint !== fingerprint) {
      known = { fingerprint, scope: scopeOf(this.#rules, blade, fingerprint) };
      this.#scopes.set(blade, known);
    }
    return known.scope;
  }

  get #wantsHash(): boolean {
    const { memory, profile } = this;
    if (memory === null) return false;
    const { cache = true, quarantine = 'off' } = profile;
    if (this.usercheck !== null) return true;
    return cache || quarantine !== 'off' || this.#background.length > 0 || memory.verdicts.hasReleases;
  }

  async #judge(subject: Subject, signal: AbortSignal): Promise<InspectionResult> {
    const { content, incident, message } = subject;
    const { memory, profile } = this;
    if (memory === null || content === null) {
      return inspect(this.#awaited, profile, message, signal, this.#continuing(ASK, subject));
    }
    const release = memory.verdicts.releaseOf(content.sha256);
    const wasFound = release === null && this.#isFound(content);
    const known = wasFound ? await this.#knownBlock(subject, content) : null;
    if (known !== null) return known;
    const { cache = true } = profile;
    const judge: Judge = async (blade, ask) => {
      if (isReleased(blade, release)) return 'released';
      const key = cache ? memoryKey(blade, content, this.scope(blade), message) : null;
      if (key === null) return { verdict: await ask(), cached: false };
      return judgeOnce(memory.verdicts, memory.flights, key, ask, incident, signal);
    };
    const result = await inspect(this.#awaited, profile, message, signal, this.#continuing(judge, subject));
    if (result.blocked !== null || release !== null || this.#background.length === 0) return result;
    // A background blade may have come to its verdict meanwhile.
    const late = wasFound || !this.#isFound(content) ? null : await this.#knownBlock(subject, content);
    if (late !== null) return { ...late, trace: [...result.trace, ...late.trace] };
    const later: BladeTrace[] = [];
    for (const blade of this.#background) later.push(await judgeLater(this, memory, blade, subject, content));
    return { ...result, trace: [...result.trace, ...later] };
  }

  /** Lets what users have continued past go on to the next blade. */
  #continuing(judge: Judge, { message, content }: Subject): Judge {
    const { usercheck, profile } = this;
    if (usercheck === null) return judge;
    return async (blade, ask) => {
      const asked = await judge(blade, ask);
      if (typeof asked === 'string' || asked.verdict.kind !== 'block') return asked;
      const finding = { profile, blade: blade.name, verdict: asked.verdict, message, content };
      return (await usercheck.mayPass(finding)) ? 'continued' : asked;
    };
  }

  /** A background blade has blocked it before. */
  #isFound(content: Content): boolean {
    return this.#background.some((blade) => {
      const known = this.memory!.verdicts.get(verdictKey(content, this.scope(blade)));
      return known !== null && known !== 'clean';
    });
  }

  /** A block that a background blade has come to before, unless the user may continue past it. */
  async #knownBlock({ message }: Subject, content: Content): Promise<InspectionResult | null> {
    for (const blade of this.#background) {
      const found = this.memory!.verdicts.get(verdictKey(content, this.scope(blade)));
      if (found === null || found === 'clean') continue;
      const { name } = blade;
      const finding = { profile: this.profile, blade: name, verdict: found, message, content };
      if (await this.usercheck?.mayPass(finding)) continue;
      const trace: BladeTrace[] = [{ name, verdict: 'block', ms: 0, cached: true }];
      return { blocked: { ...found, blade: name, cached: true }, modified: null, trace };
    }
    return null;
  }

  #tooLarge(subject: Subject, bytes: number, maxSize: number, progress: Progress): Inspected {
    const { name: profile, onError } = this.profile;
    const verdict = onError === 'allow' ? 'not-scanned: size' : 'error';
    const trace = this.blades.map(({ name }) => ({ name, verdict, ms: 0 }));
    progress.trace = trace;
    if (onError === 'allow') return { subject, blocked: null, modified: null, trace };
    const text = `a body of ${bytes} bytes is above the ${maxSize} that profile ${profile} inspects`;
    throw new PluginError('ERR_SCAN_SIZE', text, { bytes, maxSize });
  }
}

/** A release lifts verdicts on content, and that of the blade which has blocked it. */
function isReleased(blade: Blade, release: Release | null): boolean {
  return release !== null && (blade.judges === 'content' || release.blade === blade.name);
}

function contentOf(sha256: string, message: BladeMessage): Content {
  const field = (name: string): string => (message.header(name) ?? '').toLowerCase();
  return { sha256, contentEncoding: field('content-encoding'), contentType: field('content-type') };
}

function rulesText(profile: InspectionProfile, blades: readonly Blade[]): string {
  const { name, onError, timeoutMs = null, maxSize = null, depth = null } = profile;
  const settings = blades.map((blade) => [blade.name, profile.blades[blade.name]]);
  return `${WEIR_VERSION}\n${JSON.stringify([name, onError, timeoutMs, maxSize, depth, settings])}`;
}

/** OPTIONS is answered whatever a blade does (S-14). */
function fingerprintOf(blade: Blade): string {
  try {
    return blade.fingerprint?.() ?? '';
  } catch {
    return 'unknown';
  }
}
