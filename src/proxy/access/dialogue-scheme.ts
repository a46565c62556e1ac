// A log-in whose dialogue takes several legs on one connection and then holds for it, such as Negotiate (RFC 4559):
// keeps the dialogue of each connection, within its time. What the legs say is a plugin's, or that of
// src/auth/negotiate-helper.ts.

import { areGroups } from '../../auth/group-file.ts';
import { HttpError, isWeirError, messageOf, printable } from '../../errors.ts';
import type { RawHeaders } from '../../icap/codec/http-head.ts';
import type {
  Authentication,
  AuthenticationStep,
  Identity,
  PluginAuthenticator,
} from '../../plugin/api/authenticator.ts';
import type { Authenticator, LoggedIn } from './authenticator.ts';

const TIMEOUT_MS = 10_000;
const MOST_LEGS = 8; // Negotiate takes two or three
const MOST_TOKEN = 65_536; // characters
const TOKEN = /^[A-Za-z0-9+/=._~-]*$/; // token68 of RFC 9110 §11.2
const NAME = /^[^\u0000-\u001f\u007f]{1,255}$/;

/** Asks for the next leg: a 407 with nothing but that challenge. */
export class NextLeg extends HttpError {
  readonly challenge: RawHeaders;

  constructor(scheme: string, token: string) {
    super('ERR_PROXY_AUTH', `the log-in by ${scheme} goes on`);
    this.challenge = ['Proxy-Authenticate', `${scheme} ${token}`];
  }
}

interface Dialogue {
  readonly authentication: Authentication;
  legs: number;
}

export class DialogueScheme implements Authenticator {
  readonly scheme: string;
  readonly challenge: string;
  readonly #given: PluginAuthenticator;
  /** By connection. */
  readonly #open = new WeakMap<object, Dialogue>();
  readonly #users = new WeakMap<object, LoggedIn>();

  constructor(given: PluginAuthenticator) {
    this.#given = given;
    this.scheme = given.scheme.toLowerCase();
    this.challenge = given.parameters === undefined ? given.scheme : `${given.scheme} ${given.parameters}`;
  }

  known(scope: object): LoggedIn | null {
    return this.#users.get(scope) ?? null;
  }

  async authenticate(credentials: string, client: string, scope: object | null): Promise<LoggedIn | null> {
    const { scheme, perConnection = true } = this.#given;
    const token = credentials.slice(scheme.length).trim();
    if (token.length > MOST_TOKEN) return null;
    const kept = perConnection ? scope : null;
    if (kept !== null) this.#users.delete(kept);
    const dialogue = (kept === null ? null : this.#open.get(kept)) ?? this.#begin(client, kept);
    let step: AuthenticationStep;
    try {
      step = await this.#step(dialogue, token);
    } catch (error) {
      this.#end(dialogue, kept);
      if (isWeirError(error) && error.code !== 'ERR_PLUGIN_FAILED') throw error; // that is a thread's
      throw new HttpError(
        'ERR_AUTH_UNAVAILABLE',
        `the log-in by ${scheme} failed: ${messageOf(error)}`,
        {},
        error,
      );
    }
    if (step.kind === 'challenge' && kept !== null && ++dialogue.legs < MOST_LEGS) {
      throw new NextLeg(scheme, step.token);
    }
    this.#end(dialogue, kept);
    if (step.kind !== 'identity') {
      // Clients see the message; the reason is not for them.
      const fields = step.kind === 'refused' && step.reason !== undefined ? { reason: step.reason } : {};
      throw new HttpError('ERR_PROXY_AUTH', `the log-in by ${scheme} was refused`, fields);
    }
    const { user, groups = [] } = step.identity;
    const who = { user, groups: [...new Set(groups)] };
    if (kept !== null) this.#users.set(kept, who);
    return who;
  }

  #begin(client: string, scope: object | null): Dialogue {
    const dialogue = { authentication: this.#given.begin(client), legs: 0 };
    if (scope !== null) {
      this.#open.set(scope, dialogue);
      (scope as NodeJS.EventEmitter).once('close', () => {
        if (this.#open.get(scope) === dialogue) this.#end(dialogue, scope);
      });
    }
    return dialogue;
  }

  #end({ authentication }: Dialogue, scope: object | null): void {
    if (scope !== null) this.#open.delete(scope);
    try {
      authentication.close?.();
    } catch {
      // It is over either way.
    }
  }

  async #step({ authentication }: Dialogue, token: string): Promise<AuthenticationStep> {
    const { scheme, timeoutMs = TIMEOUT_MS } = this.#given;
    const limit = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const late = new Error(`it took longer than ${timeoutMs} ms`);
        limit.abort(late);
        reject(late);
      }, timeoutMs);
    });
    try {
      return checked(await Promise.race([authentication.step(token, limit.signal), timeUp]), scheme);
    } finally {
      clearTimeout(timer);
    }
  }
}

function checked(step: AuthenticationStep, scheme: string): AuthenticationStep {
  if (step?.kind === 'refused') return step;
  if (step?.kind === 'challenge' && typeof step.token === 'string' && TOKEN.test(step.token)) return step;
  const { user, groups = [] } = ((step?.kind === 'identity' ? step.identity : null) ??
    {}) as Partial<Identity>;
  if (typeof user === 'string' && NAME.test(user)) {
    if (areGroups(groups)) return step;
    throw new Error(`${printable(scheme)} gave groups that are no list of names, or more than 256`);
  }
  throw new Error(`${printable(scheme)} gave no challenge, identity or refusal`);
}
