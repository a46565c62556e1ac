// A server process of the bench: pinned to a core, its output kept for error messages, known to be ready
// when its port accepts, stopped by a signal and, if that does not help, killed.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const READY_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 20_000; // a CPU profile of a long run takes seconds to write
const OUTPUT_LIMIT = 8192; // characters, the newest

/** Cores: the device under test has one to itself, load generator and origin share the other. */
export const TEST_CORE = 0;
export const LOAD_CORE = 1;

export interface Server {
  readonly name: string;
  readonly pid: number;
  /** Newest output of both streams, and how the process ended if it did. */
  output(): string;
  /** Whether it still runs. */
  alive(): boolean;
  stop(): Promise<void>;
}

export interface ServerCommand {
  readonly name: string;
  /** As `taskset -c` takes it: a core, or `0,1`; undefined: any. */
  readonly core: number | string | undefined;
  readonly command: string;
  readonly args: readonly string[];
  readonly port: number;
  readonly cwd?: string;
}

/** Puts `taskset` before a command; without a core the command stays as it is. */
export function pinned(
  core: number | string | undefined,
  command: string,
  args: readonly string[],
): [string, string[]] {
  return core === undefined ? [command, [...args]] : ['taskset', ['-c', String(core), command, ...args]];
}

/** A TCP port of the loopback address that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function ended(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/**
 * Starts a server and waits until its port accepts connections.
 *
 * @throws {Error} it could not be started, ended by itself, or did not listen within 15 s; the message
 *                 carries the end of its output
 */
export async function startServer(spec: ServerCommand): Promise<Server> {
  const [command, args] = pinned(spec.core, spec.command, spec.args);
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
  });
  let kept = '';
  const keep = (chunk: Buffer): void => {
    kept = (kept + chunk.toString('utf8')).slice(-OUTPUT_LIMIT);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  child.on('error', (error) => keep(Buffer.from(error.message)));
  child.on('exit', (code, signal) => keep(Buffer.from(`\n${spec.name} ended: ${signal ?? `exit ${code}`}`)));

  const stop = async (): Promise<void> => {
    if (child.pid === undefined || ended(child)) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await gone;
    clearTimeout(killer);
  };

  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!(await accepts(spec.port))) {
    const dead = child.pid === undefined || ended(child);
    if (dead || Date.now() > deadline) {
      await stop();
      throw new Error(`${spec.name} did not listen on port ${spec.port}: ${kept.trim() || 'no output'}`);
    }
    await delay(50);
  }
  return {
    name: spec.name,
    pid: child.pid as number,
    output: () => kept.trim(),
    alive: () => !ended(child),
    stop,
  };
}
