// What a command that goes on until it is told to stop listens to: signals, and faults of the process. The
// listeners go with it, so that commands can run one after the other in one process.

import { EXIT_FAILED } from './exit-codes.ts';

export interface ProcessHandlers extends Disposable {
  /** Resolves at the first SIGTERM or SIGINT, also one that came during the start. */
  readonly stopRequested: Promise<void>;
  on(event: string, listener: (argument: unknown) => void): void;
}

/** Listeners on the process that are taken away again. A second signal to stop ends the process at once. */
export function processHandlers(): ProcessHandlers {
  const added: [string, (argument: unknown) => void][] = [];
  const on = (event: string, listener: (argument: unknown) => void): void => {
    process.on(event, listener);
    added.push([event, listener]);
  };
  let requested = false;
  const stopRequested = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT']) {
      on(signal, () => {
        if (requested) process.exit(EXIT_FAILED);
        requested = true;
        resolve();
      });
    }
  });
  return {
    stopRequested,
    on,
    [Symbol.dispose]() {
      for (const [event, listener] of added) process.off(event, listener);
    },
  };
}
