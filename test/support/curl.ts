// Runs the curl command: a client of another make, for what only a foreign client can prove.

import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { tempDir } from './tempDir.ts';

const TIME_LIMIT_SECONDS = 20;

export interface CurlResult {
  /** Status of the last response (after redirects, and not that of a CONNECT); 0 when none came. */
  readonly status: number;
  /** Header blocks of all responses as received, a CONNECT's answer first. */
  readonly headers: string;
  readonly body: Buffer;
  /** curl's exit code: 0 fine, 56 receive failure, 60 untrusted certificate, … */
  readonly exitCode: number;
  readonly stderr: string;
  /** First field of that name in the last response, or undefined. */
  header(name: string): string | undefined;
}

/** Runs `curl --silent --show-error …args` with more in its environment; never rejects for what curl calls a failure. */
export async function curl(
  args: readonly string[],
  stdin?: Buffer,
  env: Readonly<Record<string, string>> = {},
): Promise<CurlResult> {
  await using folder = await tempDir();
  const headerPath = await folder.write('headers', '');
  const child = spawn(
    'curl',
    [
      '-q',
      '--silent',
      '--show-error',
      '--max-time',
      String(TIME_LIMIT_SECONDS),
      '--dump-header',
      headerPath,
      ...args,
    ],
    { env: { ...withoutProxies(process.env), ...env }, stdio: 'pipe' },
  );
  const body: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => body.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on('error', () => {}); // curl may end before it has read all
  child.stdin.end(stdin);
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? -1));
  });
  const headers = await readFile(headerPath, 'latin1');
  const last = headers.split('\r\n\r\n').filter(Boolean).at(-1) ?? '';
  return {
    status: Number(/^HTTP\/[\d.]+ (\d{3})/.exec(last)?.[1] ?? 0),
    headers,
    body: Buffer.concat(body),
    exitCode,
    stderr: Buffer.concat(stderr).toString(),
    header(name) {
      const line = last
        .split('\r\n')
        .find((field) => field.toLowerCase().startsWith(`${name.toLowerCase()}:`));
      return line?.slice(name.length + 1).trim();
    },
  };
}

/** The environment without http_proxy and its relatives, which curl would obey. */
function withoutProxies(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/_proxy$/i.test(name)));
}
