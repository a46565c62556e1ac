// Runs a foreign client to its end, without the proxies, certificates and configuration of whoever runs the tests.

import { spawn } from 'node:child_process';

const TIME_LIMIT_MS = 60_000;
const KEPT = ['PATH', 'JAVA_HOME', 'LANG', 'TMPDIR'];

export interface ClientResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ClientOptions {
  /** Home of the client, and its working folder. */
  readonly home: string;
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Default: a minute. */
  readonly timeLimitMs?: number;
}

/** Never rejects for what the client calls a failure; ended by force after its time, with exit code -1. */
export async function runClient(
  command: string,
  args: readonly string[],
  { home, env = {}, stdin = '', timeLimitMs = TIME_LIMIT_MS }: ClientOptions,
): Promise<ClientResult> {
  const kept = KEPT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  const child = spawn(command, args, {
    cwd: home,
    env: { ...(Object.fromEntries(kept) as Record<string, string>), HOME: home, ...env },
    stdio: 'pipe',
    detached: true, // its own process group, so that its helpers end with it
  });
  const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), timeLimitMs);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on('error', () => {}); // it may end before it has read all
  child.stdin.end(stdin);
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? -1));
  }).finally(() => clearTimeout(timer));
  return { exitCode, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
}
