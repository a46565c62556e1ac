// A helper process of the bench, pinned to cores of its own, that is asked one thing at a time over IPC.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { pinned } from './child.ts';

/** What a helper answers to every request. */
export type HelperReply<Result> =
  { readonly type: 'done'; readonly result?: Result } | { readonly type: 'failed'; readonly message: string };

export interface Helper<Request, Result> {
  readonly pid: number;
  /** Rejects with what went wrong there, or because it ended. */
  ask(request: Request): Promise<Result | undefined>;
  stop(): Promise<void>;
}

/**
 * Starts a TypeScript file as a helper; it calls `serveHelper`.
 *
 * @param cores  as `taskset -c` takes them, e.g. `1` or `0,1`
 */
export function startHelper<Request extends object, Result>(
  script: URL,
  cores: number | string,
): Helper<Request, Result> {
  const [command, args] = pinned(cores, process.execPath, ['--import', 'tsx', fileURLToPath(script)]);
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  return {
    pid: child.pid as number,
    ask: async (request) => {
      const ended = new AbortController();
      const died = once(child, 'exit', { signal: ended.signal }).then((): HelperReply<Result> => ({
        type: 'failed',
        message: 'the load process ended',
      }));
      const answered = once(child, 'message', { signal: ended.signal }).then(
        ([message]) => message as HelperReply<Result>,
      );
      // The one that loses the race is aborted below, and its rejection is of no interest.
      for (const promise of [died, answered]) promise.catch(() => undefined);
      child.send(request);
      const reply = await Promise.race([answered, died]);
      ended.abort();
      if (reply.type === 'failed') throw new Error(reply.message);
      return reply.result;
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}

/** The helper's side: obeys one request after another, and ends with the bench. */
export function serveHelper<Request, Result>(obey: (request: Request) => Promise<Result | undefined>): void {
  const reply = (message: HelperReply<Result>): void => void process.send?.(message);
  process.on('message', (request: Request) => {
    obey(request).then(
      (result) => reply(result === undefined ? { type: 'done' } : { type: 'done', result }),
      (error: unknown) =>
        reply({ type: 'failed', message: error instanceof Error ? error.message : String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
}
