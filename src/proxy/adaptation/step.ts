// One step of an adaptation chain: a service, or a group of services of which one does the work.
// Decides who is tried in which order and what a failure means (block or bypass). Who does worse than the
// others is outliers.ts, the race for a late answer hedge.ts. K-60, K-61.

import type { WeirError } from '../../errors.ts';
import type { HeldBody } from '../../http/held-body.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import type { Adaptation, AdaptationMessage, AdaptationService } from '../../icap/client/adaptation.ts';
import { isServiceFailure } from '../../icap/client/health.ts';
import type { Meters } from '../../metrics/meters.ts';
import type { StepNotes } from '../../trace/notes.ts';
import type { NotScannedPolicy } from './coverage.ts';
import { reasonOfFailure } from './coverage.ts';
import type { BodyCopies } from './hedge.ts';
import { copiesOf, hedged, HedgeBudget, LEAST_DELAY_MS } from './hedge.ts';
import { meterAsked } from './metering.ts';
import { OutlierWatch } from './outliers.ts';
import { securedAnswer } from './secured-answer.ts';

/** A configured service with its policy. */
export interface StepService {
  readonly service: AdaptationService;
  readonly onError: 'block' | 'bypass';
  /** What a message does when all connections to it are busy, and no other member has room. Default: wait. */
  readonly onOverload?: 'wait' | 'bypass' | 'block';
  /** Whether its X-Next-Services decides how the chain goes on (K-71). Default false. */
  readonly routing?: boolean;
  /** Messages it is working on, for `least-busy`. */
  busy: number;
}

export type Strategy = 'failover' | 'round-robin' | 'least-busy' | 'hash';

export interface StepResult {
  /** Null: every service failed and the message passes as it is. */
  readonly adaptation: Adaptation | null;
  /** Service that answered, or failed last. */
  readonly service: string;
  readonly error: WeirError | null;
  /** The message's body after the step, if the step did not answer with another one. */
  readonly original: HeldBody | null;
  /** The service's X-Next-Services counts. */
  readonly routing: boolean;
}

export interface StepOptions {
  /** Whether a second member is asked when the first is late. Default false. */
  readonly hedge?: boolean;
  /** What is said of `timeout` and `service-down` comes before the services' own policies. */
  readonly notScanned?: NotScannedPolicy;
  /** Counts what members are asked; default: nobody does. */
  readonly meters?: Meters | null;
}

export class AdaptationStep {
  readonly name: string;
  readonly #members: readonly StepService[];
  readonly #strategy: Strategy;
  readonly #watch: OutlierWatch | null;
  readonly #budget: HedgeBudget | null;
  readonly #notScanned: NotScannedPolicy;
  readonly #meters: Meters | null;
  #turn = 0;

  constructor(
    name: string,
    members: readonly StepService[],
    strategy: Strategy,
    { hedge = false, notScanned = {}, meters = null }: StepOptions = {},
  ) {
    this.name = name;
    this.#members = members;
    this.#strategy = strategy;
    this.#watch = members.length > 1 ? new OutlierWatch(members.length) : null;
    this.#budget = hedge && members.length > 1 ? new HedgeBudget() : null;
    this.#notScanned = notScanned;
    this.#meters = meters;
  }

  /** Messages pass, unscanned, when no member can serve. */
  get bypassable(): boolean {
    return this.#members.every((member) => this.#lets(member, 'service-down'));
  }

  get members(): readonly StepService[] {
    return this.#members;
  }

  /** Names of members that are asked last for a time, because they do far worse than the others. */
  get outliers(): readonly string[] {
    return this.#members.flatMap(({ service }, index) => (this.#watch?.isOut(index) ? [service.name] : []));
  }

  /**
   * Sends the message to the first service that takes it.
   * @param holdBytes  answers up to this length are waited for whole, so that one that breaks off still has
   *   another service, or the policy, to follow it
   * @throws {WeirError} of the last service tried, when that one blocks on errors or the original is gone
   */
  async run(
    message: AdaptationMessage,
    spool: SpoolOptions,
    holdBytes = 0,
    notes: StepNotes | null = null,
  ): Promise<StepResult> {
    const members = this.#order(message);
    const delayMs = this.#budget === null ? null : (this.#watch?.p95 ?? null);
    if (this.#budget !== null && delayMs === null) this.#budget.earn();
    if (delayMs !== null) {
      const copies = await copiesOf(message, spool);
      if (copies !== null) {
        return await this.#runHedged(message, copies, members, Math.max(delayMs, LEAST_DELAY_MS), {
          spool,
          holdBytes,
          notes,
        });
      }
    }
    let attempt = message;
    for (let i = 0; ; i++) {
      const member = members[i]!;
      try {
        const pending = this.#ask(member, attempt, { spool, holdBytes, notes });
        const adaptation = pending instanceof Promise ? await pending : pending;
        return answered(adaptation, member);
      } catch (thrown) {
        const error = thrown as WeirError;
        const { body } = attempt;
        const lost = body !== null && (!body.intact || body.error !== null);
        if (lost || message.cancellation.reason !== null) {
          body?.release(error);
          notes?.then(member.service.name, message.cancellation.reason === null ? 'lost' : 'cancelled');
          throw error;
        }
        const original = body?.renewed() ?? null;
        attempt = { ...attempt, body: original };
        if (i + 1 < members.length) {
          this.#noteNext(notes, member);
          continue;
        }
        this.#noteEnd(notes, member, error);
        if (this.#policyFor(member, error) === 'block') {
          original?.release(error);
          throw error;
        }
        return passed(member, error, original);
      }
    }
  }

  /** The same with a message that can be sent as often as need be: two members at a time may work on it. */
  async #runHedged(
    message: AdaptationMessage,
    copies: BodyCopies,
    members: readonly StepService[],
    delayMs: number,
    settings: AskSettings,
  ): Promise<StepResult> {
    const budget = this.#budget!;
    const ask = async (member: StepService, attempt: AdaptationMessage): Promise<Adaptation> =>
      this.#ask(member, attempt, settings);
    for (let i = 0; ;) {
      const first = members[i]!;
      const next = members[i + 1];
      const second = next !== undefined && isAvailable(next) ? next : null;
      const call = { message, copies, first, second, delayMs, budget, ask };
      const { adaptation, member, error, asked } = await hedged(call);
      if (asked === 2) this.#meters?.hedged(second!.service.name);
      if (adaptation !== null) return answered(adaptation, member);
      if (message.cancellation.reason !== null) throw error!;
      i += asked;
      if (i < members.length) {
        this.#noteNext(settings.notes, member);
        continue;
      }
      this.#noteEnd(settings.notes, member, error!);
      if (this.#policyFor(member, error!) === 'block') throw error!;
      return passed(member, error!, copies());
    }
  }

  /** One member's answer, or failure; noted for the comparison with the others. */
  #ask(
    member: StepService,
    message: AdaptationMessage,
    { spool, holdBytes, notes }: AskSettings,
  ): Adaptation | Promise<Adaptation> {
    const watch = this.#watch;
    const meters = this.#meters;
    const startedAt = watch === null && meters === null ? 0 : performance.now();
    const { name, available } = member.service;
    const note = notes?.asks(member.service.name) ?? null;
    const done = (error: WeirError | null, adaptation: Adaptation | null): void => {
      member.busy--;
      note?.ends(error);
      if (meters !== null) {
        meterAsked(meters, { service: name, message, available, startedAt }, adaptation, error);
      }
      if (watch === null || (error !== null && !isMembersFault(error))) return;
      watch.note(this.#members.indexOf(member), performance.now() - startedAt, error !== null);
    };
    member.busy++;
    try {
      const holds = holdBytes > 0 && member.service.remote;
      message.note = note;
      message.keepOriginal = holds;
      const pending = member.service.adapt(message);
      if (!(pending instanceof Promise) && pending.dropOriginal === undefined) {
        done(null, pending);
        return pending;
      }
      const succeed = (adaptation: Adaptation): Adaptation => {
        done(null, adaptation);
        return adaptation;
      };
      const fail = (error: WeirError): never => {
        done(error, null);
        throw error;
      };
      const secure = (adaptation: Adaptation): Adaptation | Promise<Adaptation> =>
        adaptation.dropOriginal === undefined
          ? succeed(adaptation)
          : securedAnswer(adaptation, holdBytes, message.request.method, spool).then(succeed, fail);
      return pending instanceof Promise ? pending.then(secure, fail) : secure(pending);
    } catch (error) {
      done(error as WeirError, null);
      throw error;
    }
  }

  #noteNext(notes: StepNotes | null, { service }: StepService): void {
    notes?.then(service.name, 'next');
    this.#meters?.failedOver(service.name);
  }

  #noteEnd(notes: StepNotes | null, member: StepService, error: WeirError): void {
    notes?.then(member.service.name, this.#policyFor(member, error), this.#keyFor(member, error));
  }

  /** The key of the configuration that #policyFor goes by. */
  #keyFor({ service, onOverload = 'wait' }: StepService, error: WeirError): string {
    const own = `adaptation.services.${service.name}`;
    if (error.code === 'ERR_ADAPT_BUSY' && onOverload !== 'wait') return `${own}.onOverload`;
    const reason = reasonOfFailure(error);
    return this.#notScanned[reason] === undefined ? `${own}.onError` : `adaptation.notScanned.${reason}`;
  }

  #policyFor(member: StepService, error: WeirError): 'block' | 'bypass' {
    const { onError, onOverload = 'wait' } = member;
    if (error.code === 'ERR_ADAPT_BUSY' && onOverload !== 'wait') return onOverload;
    const decided = this.#notScanned[reasonOfFailure(error)];
    return decided === undefined ? onError : decided === 'allow' ? 'bypass' : 'block';
  }

  #lets({ onError }: StepService, reason: 'service-down'): boolean {
    const decided = this.#notScanned[reason];
    return decided === undefined ? onError === 'bypass' : decided === 'allow';
  }

  /** Members in the order in which they are asked; those known to be down come last, and fail at once. */
  #order(message: AdaptationMessage): readonly StepService[] {
    const members = this.#members;
    if (members.length === 1) return members;
    const ordered = this.#preferred(message);
    const rank = (member: StepService): number =>
      !isAvailable(member) ? 2 : this.#watch!.isOut(members.indexOf(member)) ? 1 : 0;
    const ranks = ordered.map(rank);
    if (ranks.every((it) => it === 0)) return ordered;
    return [0, 1, 2].flatMap((wanted) => ordered.filter((_, index) => ranks[index] === wanted));
  }

  #preferred(message: AdaptationMessage): readonly StepService[] {
    const members = this.#members;
    switch (this.#strategy) {
      case 'failover':
        return members;
      case 'round-robin':
        return rotated(members, this.#turn++ % members.length);
      case 'least-busy':
        return [...members].sort((a, b) => a.busy - b.busy);
      case 'hash':
        return byRendezvous(members, message.request.target);
    }
  }
}

interface AskSettings {
  readonly spool: SpoolOptions;
  readonly holdBytes: number;
  readonly notes: StepNotes | null;
}

function answered(adaptation: Adaptation, { service, routing = false }: StepService): StepResult {
  return { adaptation, service: service.name, error: null, original: null, routing };
}

function passed({ service }: StepService, error: WeirError, original: HeldBody | null): StepResult {
  return { adaptation: null, service: service.name, error, original, routing: false };
}

function isMembersFault(error: WeirError): boolean {
  return isServiceFailure(error) || /^ERR_(?:SCAN|PLUGIN)_/.test(error.code);
}

function isAvailable({ service }: StepService): boolean {
  return service.available;
}

function rotated(members: readonly StepService[], by: number): StepService[] {
  return [...members.slice(by), ...members.slice(0, by)];
}

/**
 * The highest hash of URL and member first: one object always meets the same service, and when a member is
 * missing only its own objects move (rendezvous hashing; Thaler and Ravishankar 1998).
 */
function byRendezvous(members: readonly StepService[], target: string): StepService[] {
  const url = hashOf(target, 0x811c9dc5);
  return members
    .map((member) => ({ member, weight: mixed(hashOf(member.service.name, url)) }))
    .sort((a, b) => b.weight - a.weight)
    .map(({ member }) => member);
}

/** FNV-1a up to the query. */
function hashOf(text: string, start: number): number {
  let hash = start;
  for (let i = 0; i < text.length && text.charCodeAt(i) !== 0x3f; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

/** FNV alone leaves names that differ in their last letter close together (final mix of MurmurHash3). */
function mixed(hash: number): number {
  let mix = hash ^ (hash >>> 16);
  mix = Math.imul(mix, 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35);
  return (mix ^ (mix >>> 16)) >>> 0;
}
