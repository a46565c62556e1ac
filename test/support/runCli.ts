// Runs the command line in this process and captures what it prints; and bin/weir as a child process,
// for what only a process has: signals, exit codes, the shebang.

import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { run } from '../../src/cli/main.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly isTTY?: boolean;
  /** What it may read. */
  readonly stdin?: string;
  /** Called with all of standard error whenever there is more of it. */
  readonly onPrinted?: (text: string) => void;
}

/** `weir …args` without a process of its own. */
export async function runCli(args: readonly string[], options: RunOptions = {}): Promise<CliResult> {
  const written: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString('latin1');
  const stream = (name: 'stdout' | 'stderr') => ({
    isTTY: options.isTTY ?? false,
    write: (chunk: string | Uint8Array) => {
      written[name].push(Buffer.from(chunk as string));
      if (name === 'stderr') options.onPrinted?.(text(written.stderr));
    },
  });
  const stdin =
    options.stdin === undefined
      ? {}
      : { stdin: Readable.from([Buffer.from(options.stdin)], { objectMode: false }) };
  const terminal = { stdout: stream('stdout'), stderr: stream('stderr'), cwd: options.cwd ?? ROOT, ...stdin };
  const exitCode = await run(args, terminal);
  return { exitCode, stdout: text(written.stdout), stderr: text(written.stderr) };
}

export interface WeirProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves with the match once standard output or standard error matches; rejects when it ends before. */
  prints(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** Resolves with the exit code; a signal gives 128. */
  readonly exited: Promise<number>;
}

/** Starts bin/weir, which builds the checkout first if that is out of date. */
export function spawnWeir(
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): WeirProcess {
  const child = spawn(process.execPath, [path.join(ROOT, 'bin/weir'), ...args], {
    cwd: options.cwd ?? ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', ...options.env },
  });
  const written = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (chunk: Buffer) => {
      written[name] += chunk.toString();
      for (const watcher of watchers) watcher();
    });
  }
  let ended = false;
  const exited = new Promise<number>((resolve) => {
    child.once('close', (code) => {
      ended = true;
      resolve(code ?? 128);
      for (const watcher of watchers) watcher();
    });
  });
  return {
    child,
    exited,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    prints: (pattern, timeoutMs = 60_000) =>
      new Promise((resolve, reject) => {
        const settle = (match: RegExpExecArray | null, problem: string): void => {
          watchers.delete(check);
          clearTimeout(timer);
          if (match !== null) resolve(match);
          else
            reject(
              new Error(`${problem} before it printed ${pattern}\n${written.stdout}\n${written.stderr}`),
            );
        };
        const check = (): void => {
          const match = pattern.exec(written.stdout) ?? pattern.exec(written.stderr);
          if (match !== null || ended) settle(match, 'weir ended');
        };
        const timer = setTimeout(() => settle(null, `${timeoutMs} ms passed`), timeoutMs);
        watchers.add(check);
        check();
      }),
    async [Symbol.asyncDispose]() {
      if (!ended) child.kill('SIGKILL');
      await exited;
    },
  };
}
