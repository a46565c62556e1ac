// The bench's end of the load process, which runs on the load's core.
import { LOAD_CORE } from '../host/child.ts';
import { startHelper } from '../host/helper.ts';
import type { Job, LoadRequest, PhaseLimit, PhaseResult } from './protocol.ts';

export interface Load {
  readonly pid: number;
  open(job: Job): Promise<void>;
  phase(limit: PhaseLimit): Promise<PhaseResult>;
  hold(tunnels: number): Promise<void>;
  close(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the load process. Its methods reject with what went wrong there. */
export function startLoad(): Load {
  const { pid, ask, stop } = startHelper<LoadRequest, PhaseResult>(
    new URL('main.ts', import.meta.url),
    LOAD_CORE,
  );
  return {
    pid,
    open: async (job) => void (await ask({ type: 'open', job })),
    phase: async (limit) => (await ask({ type: 'phase', limit })) as PhaseResult,
    hold: async (tunnels) => void (await ask({ type: 'hold', tunnels })),
    close: async () => void (await ask({ type: 'close' })),
    stop,
  };
}
