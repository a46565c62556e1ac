// What a configuration says about clients of slow scans (adaptation.hold), and what all transactions of a
// proxy share for it. Who gets what is manner.ts.

import type { SpoolOptions } from '../../http/spool.ts';
import type { Deadlines } from '../../util/deadlines.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** How a client was kept waiting; part of the log record. */
export type Waited = 'page' | 'trickle' | 'accepted';

export interface PatienceSettings {
  /** Time that a scan may take before its client gets something. */
  readonly afterMs: number;
  readonly browser: 'page' | 'trickle' | 'wait';
  readonly program: 'trickle' | 'accepted' | 'wait';
  /** Bytes a second that are trickled. */
  readonly rateBytes: number;
  /** Bytes of the end that are withheld, at least 1; of bodies shorter than twice that, half. */
  readonly tailBytes: number;
  /** True for a User-Agent that gets no page. */
  readonly isProgram: (userAgent: string) => boolean;
  /** Time from the last visit until a ticket is worth nothing. */
  readonly ticketMs: number;
  /** Tickets at a time. */
  readonly files: number;
  /** Where answers are kept for tickets. */
  readonly spool: SpoolOptions;
}

/** What a transaction needs of its proxy. */
export interface Patience {
  /** Null: clients wait, whatever it takes. */
  readonly settings: PatienceSettings | null;
  readonly room: WaitingRoom;
  readonly deadlines: Deadlines;
}

/** True for a User-Agent that one of these patterns fits; `*` stands for any characters, case does not matter. */
export function agentMatcher(patterns: readonly string[]): (userAgent: string) => boolean {
  if (patterns.length === 0) return () => false;
  const parts = patterns.map((pattern) =>
    pattern
      .split('*')
      .map((literal) => literal.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
      .join('[^]*'),
  );
  const anyOf = new RegExp(`^(?:${parts.join('|')})$`, 'i');
  return (userAgent) => anyOf.test(userAgent.slice(0, MAX_AGENT));
}

const MAX_AGENT = 256; // characters that are looked at; bounds the work of patterns with several `*`
