// What metrics say of adaptation: what a service did with a message it was given, and what a message came to
// at its point. Called only where somebody counts.

import { isWeirError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import type { Adaptation, AdaptationMessage } from '../../icap/client/adaptation.ts';
import type { ModMethod } from '../../icap/service.ts';
import type { AskOutcome, Meters } from '../../metrics/meters.ts';
import type { PipelineOutput } from './pipeline.ts';
import type { StepVerdict } from './verdict.ts';
import { judge } from './verdict.ts';

/** How one service was asked once. */
export interface Asked {
  readonly service: string;
  readonly message: AdaptationMessage;
  /** False: it was known to be down or suspended, and nothing was sent. */
  readonly available: boolean;
  /** On the clock of `performance.now()`. */
  readonly startedAt: number;
}

/** @param adaptation  the answer, or null and the error */
export function meterAsked(
  meters: Meters,
  { service, message, available, startedAt }: Asked,
  adaptation: Adaptation | null,
  error: WeirError | null,
): void {
  const outcome = outcomeOf(message, available, adaptation);
  const isSent = outcome !== 'ignored' && outcome !== 'refused' && outcome !== 'cancelled';
  const ms = isSent ? performance.now() - startedAt : null;
  const code = outcome === 'error' && isWeirError(error) ? error.code : null;
  meters.asked(service, message.method, outcome, ms, code);
}

function outcomeOf(
  { cancellation }: AdaptationMessage,
  available: boolean,
  adaptation: Adaptation | null,
): AskOutcome {
  if (cancellation.reason !== null) return 'cancelled';
  if (adaptation === null) return available ? 'error' : 'refused';
  if (adaptation.ignored === true) return 'ignored';
  return judge(adaptation).verdict as Exclude<StepVerdict, 'bypassed'>;
}

/** Counts what a message came to, and passes it on. */
export function metered(
  meters: Meters,
  method: ModMethod,
  running: Promise<PipelineOutput>,
): Promise<PipelineOutput> {
  return running.then(
    (output) => {
      meters.message(method, output.coverage);
      return output;
    },
    (error: unknown) => {
      meters.messageHeld(method, isWeirError(error) ? error : null);
      throw error;
    },
  );
}
