// A second request to another member of a group when the first is late: the first answer wins, the other
// exchange is cancelled. Only for messages that can be sent twice at no cost, and never for more than one
// in ten. How late is late, and who is asked, step.ts decides.

import { IcapError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import { Body, collectBody } from '../../http/body.ts';
import { HeldBody } from '../../http/held-body.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import type { Adaptation, AdaptationMessage } from '../../icap/client/adaptation.ts';
import { Cancellation } from '../../util/cancellation.ts';
import type { StepService } from './step.ts';

/** Longest body of a message that may be sent twice. */
const MAX_BYTES = 64 * 1024;
/** No second request before that time, however fast the group is. */
export const LEAST_DELAY_MS = 50;
const SHARE = 0.1; // second requests for each first one, at most
const MAX_SAVED = 10; // second requests that a quiet time may save up

/** Second requests that may be sent: one for every ten first ones. */
export class HedgeBudget {
  #tokens = 0;

  /** A first request was sent. */
  earn(): void {
    this.#tokens = Math.min(this.#tokens + SHARE, MAX_SAVED);
  }

  /** Takes one second request, if there is one. */
  spend(): boolean {
    if (this.#tokens < 1 - 1e-9) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** Makes the message's body anew, as often as it is called; null: the message has none. */
export type BodyCopies = () => HeldBody | null;

/**
 * Waits for a small body and keeps it, so that it can be sent twice.
 * @returns null where the body is too long, or not known to be short
 * @throws the error of a body that breaks off
 */
export async function copiesOf({ body }: AdaptationMessage, spool: SpoolOptions): Promise<BodyCopies | null> {
  if (body === null) return () => null;
  const length = body.declaredLength ?? body.size;
  if (length === null || length > MAX_BYTES) return null;
  await body.hold();
  const original = body.restream();
  const bytes = await collectBody(original, MAX_BYTES);
  const { trailers, declaredLength } = original;
  return () => {
    const copy = new Body(undefined, declaredLength);
    copy.push(bytes);
    copy.end(trailers);
    return new HeldBody(copy, spool);
  };
}

export interface HedgedCall {
  readonly message: AdaptationMessage;
  readonly copies: BodyCopies;
  readonly first: StepService;
  /** Null: there is nobody else to ask. */
  readonly second: StepService | null;
  readonly delayMs: number;
  readonly budget: HedgeBudget;
  ask(member: StepService, message: AdaptationMessage): Promise<Adaptation>;
}

/** Who answered first, or the last failure when everybody who was asked has failed. */
export interface HedgedOutcome {
  readonly adaptation: Adaptation | null;
  readonly member: StepService;
  readonly error: WeirError | null;
  /** Members asked: 1 or 2. */
  readonly asked: number;
}

/** Asks the first member and, when it is late, the second as well. Never rejects. */
export function hedged(call: HedgedCall): Promise<HedgedOutcome> {
  const { message, copies, first, second, delayMs, budget, ask } = call;
  return new Promise((resolve) => {
    const running = new Map<StepService, Cancellation>();
    let asked = 0;
    let settled = false;
    const settle = (outcome: Omit<HedgedOutcome, 'asked'>): void => {
      settled = true;
      clearTimeout(timer);
      const reason = new IcapError('ERR_ABORTED', 'another member of the group answered first');
      for (const [member, cancellation] of running) {
        if (member !== outcome.member) cancellation.cancel(reason);
      }
      resolve({ ...outcome, asked });
    };
    const begin = (member: StepService): void => {
      asked++;
      const cancellation = new Cancellation();
      message.cancellation.onCancel((reason) => cancellation.cancel(reason));
      running.set(member, cancellation);
      ask(member, { ...message, body: copies(), cancellation }).then(
        (adaptation) => {
          if (settled) return drop(adaptation);
          settle({ adaptation, member, error: null });
        },
        (error: WeirError) => {
          running.delete(member);
          if (!settled && running.size === 0) settle({ adaptation: null, member, error });
        },
      );
    };
    budget.earn();
    const timer = setTimeout(() => {
      if (!settled && second !== null && budget.spend()) begin(second);
    }, delayMs);
    begin(first);
  });
}

/** An answer that came too late to be of use. */
function drop({ body, dropOriginal }: Adaptation): void {
  dropOriginal?.();
  body?.cancel();
}
