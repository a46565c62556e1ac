// Asks a program of the operator's whether a password is right, in the line protocol of Squid's Basic
// helpers: `user password` in, `OK` or `ERR` out, both percent-encoded. Keeps copies of it running, replaces
// those that end, and never waits for one longer than the time limit. How many are asked at a time, and what
// is remembered of their answers, is basic.ts.

import type { ChildProcessByStdio } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { HttpError, messageOf, printable } from '../errors.ts';
import type { PasswordVerifier } from './basic.ts';

export interface HelperOptions {
  /** Program and its arguments. */
  readonly command: readonly string[];
  /** Working directory. */
  readonly folder: string;
  readonly timeoutMs: number;
  /** Told of what the program prints on standard error, and of its end. */
  readonly onTrouble: (message: string) => void;
}

const MAX_REPLY = 8192; // bytes of a line
const RESTART_MS = 1000; // a program that ends at once is not started again sooner
const CLOSE_MS = 2000;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

export class HelperVerifier implements PasswordVerifier {
  readonly #options: HelperOptions;
  readonly #idle: Helper[] = [];
  #failedAt = -Infinity;
  #closed = false;

  constructor(options: HelperOptions) {
    this.#options = options;
  }

  /** Each question that is open at a time has a copy of the program to itself. */
  async verify(user: string, password: Buffer): Promise<string | null> {
    const helper = this.#take();
    try {
      const name = await helper.ask(`${encoded(Buffer.from(user))} ${encoded(password)}\n`, user);
      if (this.#closed) helper.end();
      else this.#idle.push(helper);
      return name;
    } catch (error) {
      this.#failedAt = performance.now();
      helper.kill();
      throw error;
    }
  }

  /** Ends the programs once they have answered what they were asked. */
  close(): void {
    this.#closed = true;
    for (const helper of this.#idle.splice(0)) helper.end();
  }

  /** @throws {HttpError} `ERR_AUTH_UNAVAILABLE` */
  #take(): Helper {
    for (let helper = this.#idle.pop(); helper !== undefined; helper = this.#idle.pop()) {
      if (!helper.gone) return helper;
    }
    if (performance.now() - this.#failedAt >= RESTART_MS) return new Helper(this.#options);
    throw new HttpError('ERR_AUTH_UNAVAILABLE', 'the program that checks passwords has just failed');
  }
}

/** One running copy; asked one question at a time. */
export class Helper {
  readonly #options: HelperOptions;
  readonly #child: Child;
  #answer: ((line: string | Error) => void) | null = null;
  #received = '';
  gone = false;

  constructor(options: HelperOptions) {
    this.#options = options;
    const [program = '', ...args] = options.command;
    this.#child = spawn(program, args, { cwd: options.folder, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stdin.on('error', () => {}); // its end is told by `close`
    this.#child.stdout.setEncoding('latin1').on('data', (text: string) => this.#read(text));
    this.#child.stderr.on('data', (bytes: Buffer) => options.onTrouble(`it says: ${printable(bytes)}`));
    this.#child.on('error', (error) => this.#ended(messageOf(error)));
    this.#child.on('close', (code, signal) => this.#ended(`it ended with ${code ?? signal}`));
  }

  /** @returns the user's name, or null */
  async ask(question: string, user: string): Promise<string | null> {
    const line = await this.line(question);
    const [word] = line.split(' ', 1);
    if (word === 'OK') return renamed(line) ?? user;
    if (word === 'ERR') return null;
    throw unavailable(`it answered "${printable(line)}", not OK or ERR`);
  }

  /**
   * @param question  with its line feed
   * @returns the line that it answers, without one
   * @throws rejects with {HttpError} `ERR_AUTH_UNAVAILABLE`
   */
  line(question: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#settle(new Error('it did not answer in time')),
        this.#options.timeoutMs,
      );
      this.#answer = (line) => {
        clearTimeout(timer);
        if (line instanceof Error) reject(unavailable(line.message));
        else resolve(line);
      };
      if (this.gone) this.#settle(new Error('it has ended'));
      else this.#child.stdin.write(question, 'latin1');
    });
  }

  /** Lets it end by itself, as it does when its input ends. */
  end(): void {
    this.#child.stdin.end();
    setTimeout(() => this.kill(), CLOSE_MS).unref();
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #read(text: string): void {
    this.#received += text;
    const end = this.#received.indexOf('\n');
    if (end < 0 && this.#received.length <= MAX_REPLY) return;
    const line = this.#received.slice(0, Math.max(0, end)).trimEnd();
    this.#received = this.#received.slice(end + 1);
    if (end < 0) return this.#settle(new Error(`its line is longer than ${MAX_REPLY} bytes`));
    // What comes unasked would pass for the answer to the next question.
    if (this.#received !== '') return this.#settle(new Error('it said more than one line'));
    this.#settle(line);
  }

  #settle(line: string | Error): void {
    const answer = this.#answer;
    this.#answer = null;
    if (answer === null) {
      this.gone = true; // it speaks without being asked: not to be trusted any more
      this.kill();
    } else answer(line);
  }

  #ended(why: string): void {
    if (this.gone) return;
    this.gone = true;
    if (this.#answer !== null) this.#settle(new Error(why));
    else if (!this.#child.stdin.writableEnded) this.#options.onTrouble(why);
  }
}

function unavailable(why: string): HttpError {
  return new HttpError('ERR_AUTH_UNAVAILABLE', `the program that checks log-ins failed: ${why}`);
}

/** RFC 1738 escaping as helpers expect it: everything but letters, digits and a few marks. */
function encoded(bytes: Buffer): string {
  let text = '';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    text += /[A-Za-z0-9._@-]/.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}

/** `OK user=…`: the name that the user is known by; null without it. */
function renamed(line: string): string | null {
  const [, quoted, plain] = /(?:^| )user=(?:"((?:[^"\\]|\\.)*)"|(\S+))/.exec(line) ?? [];
  const text = quoted?.replace(/\\(.)/g, '$1') ?? plain;
  if (text === undefined) return null;
  try {
    const name = decodeURIComponent(text);
    return /^[^\u0000-\u001f\u007f]{1,255}$/.test(name) ? name : null;
  } catch {
    return null;
  }
}
