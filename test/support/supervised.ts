// Runs a foreign server as a child that cannot outlive the test: a small shell guardian holds our end
// of a pipe and stops the server when that closes, even if the test process was killed.

import { type ChildProcess, spawn } from 'node:child_process';
import net from 'node:net';

const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 5_000;
const RETRY_MS = 25;
const KEPT_OUTPUT = 64 * 1024; // characters of output kept for error messages

// fd 3 is our pipe. `wait` returns when the server ends by itself, or when a trap has stopped it.
const GUARDIAN = `
"$@" </dev/null 3<&- &
server=$!
( cat <&3 >/dev/null 2>&1; kill -TERM $server 2>/dev/null; sleep 5; kill -KILL $server 2>/dev/null ) >/dev/null 2>&1 &
watcher=$!
wait $server
code=$?
kill -KILL $watcher 2>/dev/null
exit $code
`;

export interface Supervised extends AsyncDisposable {
  /** Standard output and standard error so far, mixed; the last 64 Ki characters. */
  output(): string;
  /** True once the server has ended. */
  ended(): boolean;
  /** Stops the server: TERM, and KILL after five seconds (at once if `impatient`). Safe to call twice. */
  stop(): Promise<void>;
}

export interface SuperviseOptions {
  /** Rejects, or never resolves, until the server is ready; called again and again until it resolves. */
  readonly ready: () => Promise<unknown>;
  /** Called when the server could not be started: text for the error message. */
  readonly log?: () => Promise<string>;
  readonly cwd?: string;
  /** Stop with KILL at once, for servers that keep nothing and take seconds to end. */
  readonly impatient?: boolean;
}

/**
 * Starts `command` and resolves when `ready` does.
 * @throws {Error} with the server's output when it ends or is not ready within 20 s
 */
export async function supervise(
  command: string,
  args: readonly string[],
  options: SuperviseOptions,
): Promise<Supervised> {
  const child = spawn('/bin/sh', ['-c', GUARDIAN, 'guardian', command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true, // its own process group, so that helpers of the server end with it
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-KEPT_OUTPUT);
    });
  }
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.once('error', (error) => {
    output += error.message;
  });
  const end = (): Promise<void> => stop(child, ended, options.impatient ? 0 : STOP_LIMIT_MS);
  const supervised: Supervised = {
    output: () => output,
    ended: () => child.exitCode !== null || child.signalCode !== null,
    stop: end,
    [Symbol.asyncDispose]: end,
  };
  try {
    await untilReady(options.ready, supervised, ended);
  } catch (error) {
    await supervised.stop();
    const log = (await options.log?.().catch(() => '')) ?? '';
    throw new Error(`${command} ${(error as Error).message}\n${output}\n${log}`, { cause: error });
  }
  return supervised;
}

async function untilReady(
  ready: () => Promise<unknown>,
  server: Supervised,
  ended: Promise<void>,
): Promise<void> {
  const giveUpAt = Date.now() + START_LIMIT_MS;
  for (;;) {
    if (server.ended()) throw new Error('ended before it was ready');
    try {
      await ready();
      if (!server.ended()) return;
    } catch (error) {
      if (Date.now() > giveUpAt) throw new Error(`not ready within ${START_LIMIT_MS} ms`, { cause: error });
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([ended, new Promise((resolve) => (timer = setTimeout(resolve, RETRY_MS)))]);
      clearTimeout(timer);
    }
  }
}

async function stop(child: ChildProcess, ended: Promise<void>, patienceMs: number): Promise<void> {
  if (child.pid === undefined) return;
  if (child.exitCode === null && child.signalCode === null) {
    if (patienceMs === 0) killGroup(child.pid);
    child.stdio[3]?.destroy();
    const limit = setTimeout(() => killGroup(child.pid), patienceMs);
    await ended;
    clearTimeout(limit);
  }
  killGroup(child.pid); // helpers that the server left behind
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // nothing of the group is left
  }
}

/** Resolves when something accepts a TCP connection on this port or Unix socket; rejects otherwise. */
export function accepts(where: number | string, host = '127.0.0.1'): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = typeof where === 'number' ? net.connect(where, host) : net.connect(where);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

/**
 * A port that was free a moment ago, for foreign servers that cannot bind port 0. Our own servers bind
 * port 0 instead. Taken from below the ephemeral range, which other tests' connections use up.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (await isFree(port)) return port;
  }
  throw new Error('no free port between 10000 and 30000');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
