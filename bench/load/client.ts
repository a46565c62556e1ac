// The bench's end of the load process: starts it on the load's core and asks it one thing at a time.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { LOAD_CORE, pinned } from '../host/child.ts';
import type { Job, LoadReply, LoadRequest, PhaseLimit, PhaseResult } from './protocol.ts';

const SCRIPT = fileURLToPath(new URL('main.ts', import.meta.url));

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
  const [command, args] = pinned(LOAD_CORE, process.execPath, ['--import', 'tsx', SCRIPT]);
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ask = async (request: LoadRequest): Promise<PhaseResult | undefined> => {
    const ended = new AbortController();
    const died = once(child, 'exit', { signal: ended.signal }).then((): LoadReply => ({
      type: 'failed',
      message: 'the load process ended',
    }));
    const answered = once(child, 'message', { signal: ended.signal }).then(
      ([message]) => message as LoadReply,
    );
    // The one that loses the race is aborted below, and its rejection is of no interest.
    for (const promise of [died, answered]) promise.catch(() => undefined);
    child.send(request);
    const reply = await Promise.race([answered, died]);
    ended.abort();
    if (reply.type === 'failed') throw new Error(reply.message);
    return reply.result;
  };
  return {
    pid: child.pid as number,
    open: async (job) => void (await ask({ type: 'open', job })),
    phase: async (limit) => (await ask({ type: 'phase', limit })) as PhaseResult,
    hold: async (tunnels) => void (await ask({ type: 'hold', tunnels })),
    close: async () => void (await ask({ type: 'close' })),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}
