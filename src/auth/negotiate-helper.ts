// Asks a program of the operator's who a Negotiate token belongs to, in the line protocol of Squid's Negotiate
// helpers: `YR token` for the first leg and `KK token` for each further one; `TT`, `AF`, `NA` or `BH` out, or `OK` and
// `ERR` with token= and user= as newer ones say it. A dialogue has a copy of the program to itself.

import { HttpError, printable } from '../errors.ts';
import { areGroups, MAX_GROUPS } from './group-file.ts';
import type { HelperOptions } from './helper.ts';
import { Helper } from './helper.ts';

/** As AuthenticationStep of the plugin API, which is further up. */
export type NegotiateStep =
  | { readonly kind: 'challenge'; readonly token: string }
  | {
      readonly kind: 'identity';
      readonly identity: { readonly user: string; readonly groups: readonly string[] };
      readonly token?: string;
    }
  | { readonly kind: 'refused'; readonly reason?: string };

export interface NegotiateDialogue {
  step(token: string): Promise<NegotiateStep>;
  close(): void;
}

const LEG_PATIENCE_MS = 30_000; // a client that does not go on gives its copy back
const REFUSALS: ReadonlySet<string> = new Set(['NA', 'ERR', 'BH']);

export class NegotiateHelper {
  readonly scheme = 'Negotiate';
  readonly timeoutMs: number;
  readonly #options: HelperOptions;
  readonly #most: number;
  readonly #idle: Helper[] = [];
  #taken = 0;
  #closed = false;

  /** @param most  copies that run at the same time */
  constructor(options: HelperOptions, most: number) {
    this.#options = options;
    this.#most = most;
    this.timeoutMs = options.timeoutMs + 1000; // the copy's own limit comes first
  }

  begin(): NegotiateDialogue {
    let helper: Helper | null = null;
    let timer: NodeJS.Timeout | undefined;
    let isMidway = false;
    const giveBack = (): void => {
      clearTimeout(timer);
      if (helper === null) return;
      this.#taken--;
      // What a copy knows of a dialogue that broke off must not meet the next one.
      if (isMidway || helper.gone) helper.kill();
      else if (this.#closed) helper.end();
      else this.#idle.push(helper);
      helper = null;
    };
    return {
      close: giveBack,
      step: async (token) => {
        clearTimeout(timer);
        if (token === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(token))
          return { kind: 'refused', reason: 'no token' };
        const isFirst = helper === null;
        if (isFirst && isMidway) return { kind: 'refused', reason: 'the log-in took too long' };
        helper ??= this.#take();
        isMidway = true;
        const line = await helper.line(`${isFirst ? 'YR' : 'KK'} ${token}\n`);
        // Said of a bad token or of a bad keytab: only the operator can tell which.
        if (line.startsWith('BH')) this.#options.onTrouble(`it says: ${printable(line)}`);
        const step = readStep(line);
        isMidway = step.kind === 'challenge';
        if (isMidway) timer = setTimeout(giveBack, LEG_PATIENCE_MS).unref();
        return step;
      },
    };
  }

  /** Ends the programs once they have answered what they were asked. */
  close(): void {
    this.#closed = true;
    for (const helper of this.#idle.splice(0)) helper.end();
  }

  /** @throws {HttpError} `ERR_AUTH_BUSY` */
  #take(): Helper {
    let helper = this.#idle.pop();
    while (helper?.gone === true) helper = this.#idle.pop();
    if (helper === undefined && this.#taken >= this.#most) {
      throw new HttpError('ERR_AUTH_BUSY', 'all copies of the program of proxy.auth.negotiate are taken');
    }
    this.#taken++;
    return helper ?? new Helper(this.#options);
  }
}

/** @throws {HttpError} `ERR_AUTH_UNAVAILABLE`: it is broken, or says what is no answer */
function readStep(line: string): NegotiateStep {
  const [word = '', ...words] = line.split(' ');
  const named = (key: string): string | null =>
    words.find((each) => each.startsWith(`${key}=`))?.slice(key.length + 1) ?? null;
  const token = named('token') ?? words[0] ?? '';
  if (word === 'TT' && token !== '') return { kind: 'challenge', token };
  if (word === 'AF' && words.length > 0) return identity(words.at(-1)!, words.length > 1 ? token : '');
  if (word === 'OK') return identity(named('user') ?? '', token, groupsIn(words));
  // BH too: negotiate_kerberos_auth says so of a token that is NTLM, broken, too old or a replay.
  if (REFUSALS.has(word)) return { kind: 'refused', reason: printable(words.join(' ')) };
  const text = `the program of proxy.auth.negotiate answered "${printable(line)}"`;
  throw new HttpError('ERR_AUTH_UNAVAILABLE', text);
}

function identity(text: string, token: string, groups: readonly string[] = []): NegotiateStep {
  const user = unescaped(text);
  return user === '' ? { kind: 'refused' } : { kind: 'identity', identity: { user, groups }, token };
}

function unescaped(text: string): string {
  const bare = text.replace(/^"(.*)"$/, '$1');
  try {
    return decodeURIComponent(bare);
  } catch {
    return bare; // it is not escaped
  }
}

/** Groups of the answer; negotiate_kerberos_auth has them as SIDs in base64, out of the ticket's PAC. */
function groupsIn(words: readonly string[]): readonly string[] {
  const groups: string[] = [];
  for (const word of words) {
    if (!word.startsWith('group=') || groups.length === MAX_GROUPS) continue;
    const text = word.slice('group='.length);
    const group = sidText(text) ?? unescaped(text);
    if (areGroups([...groups, group])) groups.push(group);
  }
  return groups;
}

/** `S-1-5-21-…` of the base64 of a SID; null for what is none. MS-DTYP §2.4.2. */
function sidText(base64: string): string | null {
  if (!/^[A-Za-z0-9+/]{11,}={0,2}$/.test(base64)) return null;
  const bytes = Buffer.from(base64, 'base64');
  const count = bytes[1] ?? 0;
  if (bytes[0] !== 1 || count > 15 || bytes.length !== 8 + 4 * count) return null;
  const parts = Array.from({ length: count }, (_, i) => bytes.readUInt32LE(8 + 4 * i));
  return ['S-1', bytes.readUIntBE(2, 6), ...parts].join('-');
}
