// Where scans run: a thread, or a process of its own. A thread is cheaper and is enough for the plugin's
// own rules, whose worst case is measured. Rules of users may spin in native code, which no thread can be
// stopped in and which would even keep the gateway from exiting: those run where SIGKILL reaches them.

import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { workerOptions } from 'weir';
import { messageOf } from './text.ts';

type WorkerEntry = ReturnType<typeof workerOptions>;

export interface ScanHost {
  /** @param transfer buffers that a thread takes over; a process gets copies */
  post(message: unknown, transfer?: ArrayBuffer[]): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Called once or more when the host is gone or broken. */
  onLost(listener: (why: string) => void): void;
  /** Ends it; settles when it has ended. */
  stop(): Promise<unknown>;
  /** Whether it keeps the process alive. */
  ref(): void;
  unref(): void;
}

/** A thread that runs `entry`. */
export function startThread(entry: WorkerEntry): ScanHost {
  return threadHost(new Worker(entry.url, entry.options));
}

export function threadHost(worker: Worker): ScanHost {
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    onMessage: (listener) => void worker.on('message', listener),
    onLost: (listener) => {
      worker.on('error', (error) => listener(`a scanning thread failed: ${messageOf(error)}`));
      worker.on('exit', (code) => listener(`a scanning thread exited with ${code}`));
    },
    stop: () => worker.terminate(),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
  };
}

/** A process that runs `entry`. It ends by itself when ours is gone. */
export function startProcess(entry: WorkerEntry): ScanHost {
  const child = fork(fileURLToPath(entry.url), entry.options.argv, {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  return {
    post: (message) => void child.send(message as object, () => {}), // a failure also shows as `exit`
    onMessage: (listener) => void child.on('message', listener),
    onLost: (listener) => {
      child.on('error', (error) => listener(`a scanning process failed: ${messageOf(error)}`));
      child.on('exit', (code, signal) => listener(`a scanning process exited with ${code ?? signal}`));
    },
    stop: () => {
      child.kill('SIGKILL');
      return child.pid === undefined ? Promise.resolve() : ended;
    },
    ref: () => setRef(child, 'ref'),
    unref: () => setRef(child, 'unref'),
  };
}

function setRef(child: ChildProcess, how: 'ref' | 'unref'): void {
  child[how]();
  child.channel?.[how]();
}
