// One step of an adaptation chain: a service, or a group of services of which one does the work.
// Decides who is tried in which order and what a failure means (block or bypass).

import type { WeirError } from '../../errors.ts';
import { HeldBody } from '../../http/held-body.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import type { Adaptation, AdaptationMessage, AdaptationService } from '../../icap/client/adaptation.ts';

/** A configured service with its policy. */
export interface StepService {
  readonly service: AdaptationService;
  readonly onError: 'block' | 'bypass';
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
}

export class AdaptationStep {
  readonly name: string;
  readonly #members: readonly StepService[];
  readonly #strategy: Strategy;
  #turn = 0;

  constructor(name: string, members: readonly StepService[], strategy: Strategy) {
    this.name = name;
    this.#members = members;
    this.#strategy = strategy;
  }

  /**
   * Sends the message to the first service that takes it.
   * @throws {WeirError} of the last service tried, when that one blocks on errors or the original is gone
   */
  async run(message: AdaptationMessage, spool: SpoolOptions): Promise<StepResult> {
    let attempt = message;
    const members = this.#order(message);
    for (let i = 0; ; i++) {
      const member = members[i]!;
      member.busy++;
      try {
        const pending = member.service.adapt(attempt);
        const adaptation = pending instanceof Promise ? await pending : pending;
        return { adaptation, service: member.service.name, error: null, original: null };
      } catch (thrown) {
        const error = thrown as WeirError;
        const { body } = attempt;
        const lost = body !== null && (!body.intact || body.error !== null);
        if (lost || message.cancellation.reason !== null) {
          body?.release(error);
          throw error;
        }
        const original = body === null ? null : new HeldBody(body.restream(), spool);
        attempt = { ...attempt, body: original };
        if (i + 1 < members.length) continue;
        if (member.onError === 'block') {
          original?.release(error);
          throw error;
        }
        return { adaptation: null, service: member.service.name, error, original };
      } finally {
        member.busy--;
      }
    }
  }

  #order(message: AdaptationMessage): readonly StepService[] {
    const members = this.#members;
    if (members.length === 1) return members;
    switch (this.#strategy) {
      case 'failover':
        return members;
      case 'round-robin':
        return rotated(members, this.#turn++ % members.length);
      case 'least-busy':
        return [...members].sort((a, b) => a.busy - b.busy);
      case 'hash':
        return rotated(members, hashOf(message.request.target) % members.length);
    }
  }
}

function rotated(members: readonly StepService[], by: number): StepService[] {
  return [...members.slice(by), ...members.slice(0, by)];
}

/** FNV-1a over the URL without its query, so that one object always meets the same service. */
function hashOf(target: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < target.length && target.charCodeAt(i) !== 0x3f; i++) {
    hash = Math.imul(hash ^ target.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}
