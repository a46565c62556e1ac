// Takes the steps of a trust store, or says them as lines for a shell. A program gets a minute and is given no
// standard input: none of them may stop and ask.

import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isWeirError, messageOf, TlsError } from '../errors.ts';
import type { Step } from './store.ts';

const LIMIT_MS = 60_000;
const MAX_OUTPUT = 4 * 1024 * 1024; // bytes
const MAX_SHOWN = 300; // characters of what a program says about its failure

export interface Outcome {
  /** Exit code; -1 where it did not run to its end. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program; never rejects. Messages are in English, so that they can be read by programs. */
export function outcomeOf([program, ...args]: readonly [string, ...string[]]): Promise<Outcome> {
  return new Promise((resolve) => {
    const env = { ...process.env, LC_ALL: 'C', JAVA_TOOL_OPTIONS: '' };
    const options = { timeout: LIMIT_MS, maxBuffer: MAX_OUTPUT, env, encoding: 'utf8' } as const;
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr: stderr === '' && error !== null ? error.message : stderr });
    });
    child.stdin?.end();
  });
}

/**
 * Takes steps in order.
 * @throws {TlsError} `ERR_TRUST_STORE` at the first that fails; what was written for others only is gone then
 */
export async function take(steps: readonly Step[]): Promise<void> {
  for (const [at, step] of steps.entries()) {
    try {
      await takeOne(step);
    } catch (error) {
      for (const later of steps.slice(at)) {
        if (later.do === 'remove') await rm(later.file, { force: true }).catch(() => {});
      }
      if (isWeirError(error)) throw error;
      throw new TlsError('ERR_TRUST_STORE', messageOf(error), {}, error);
    }
  }
}

async function takeOne(step: Step): Promise<void> {
  if (step.do === 'run') await run(step.command);
  else if (step.do === 'write') await writeFile(step.file, step.content, { mode: 0o644 });
  else if (step.do === 'remove') await rm(step.file, { force: true });
  else await mkdir(step.folder, { recursive: true, mode: 0o700 });
}

async function run(command: readonly [string, ...string[]]): Promise<void> {
  const { code, stdout, stderr } = await outcomeOf(command);
  if (code === 0) return;
  const said = (stderr.trim() || stdout.trim()).replace(/\s+/g, ' ').slice(0, MAX_SHOWN);
  throw new TlsError('ERR_TRUST_STORE', `${command[0]} failed (${code}): ${said || 'it said nothing'}`, {
    program: command[0],
  });
}

/** A step as a line for a POSIX shell. */
export function shellLine(step: Step): string {
  switch (step.do) {
    case 'write':
      return `cat > ${word(step.file)} <<'END'\n${step.content.trimEnd()}\nEND`;
    case 'remove':
      return `rm -f ${word(step.file)}`;
    case 'folder':
      return `mkdir -p -m 700 ${word(step.folder)}`;
    case 'run':
      return step.command.map(word).join(' ');
  }
}

function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Full path of a program on PATH, or null. */
export function programOn(env: NodeJS.ProcessEnv, names: readonly string[]): string | null {
  // Programs of administrators are not on everybody's PATH.
  const folders = [...(env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/sbin'];
  for (const folder of folders.filter((one) => path.isAbsolute(one))) {
    for (const name of names) {
      const file = path.join(folder, name);
      if (isAccessible(file, constants.X_OK)) return file;
    }
  }
  return null;
}

export function isAccessible(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}
