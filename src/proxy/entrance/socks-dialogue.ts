// What is said on a SOCKS connection before it carries bytes: methods, log-in, request. Ends with a target
// and how to answer; where the tunnel leads and whether it may is decided as for CONNECT.

import type { Socket } from 'node:net';
import { HttpError, isWeirError, messageOf } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import type { Access } from '../access/access.ts';
import type { LoggedIn } from '../access/authenticator.ts';
import type { Arriving, Taken } from './arriving.ts';
import type { Greeting, SocksLogIn, SocksRequest } from './socks.ts';
import {
  NO_ACCEPTABLE_METHOD,
  NO_AUTHENTICATION,
  REPLY,
  SocksRefusal,
  USER_AND_PASSWORD,
  logInMessage,
  methodMessage,
  readGreeting,
  readLogIn,
  readRequest,
  readRequest4,
  replyMessage,
} from './socks.ts';

/** A connection that a client of SOCKS asks for. Exactly one of the two is called. */
export interface SocksAsk {
  readonly target: SocksRequest['target'];
  readonly user: string | null;
  readonly groups: readonly string[];
  /** Says that the connection stands. */
  grant(): void;
  /** Says why not, and closes. */
  deny(error: WeirError): void;
}

export interface SocksTerms {
  readonly access: Access;
  /** Clients must log in, unless `user` is known. */
  readonly asks: boolean;
  /** From the client's certificate. */
  readonly user: string | null;
  readonly groups: readonly string[];
}

type Then = (ask: SocksAsk) => void;

/** @param stream  nothing of the dialogue was read yet */
export function socksDialogue(arriving: Arriving, stream: Socket, terms: SocksTerms, then: Then): void {
  new SocksDialogue(arriving, stream, terms, then).begin();
}

class SocksDialogue {
  readonly #arriving: Arriving;
  readonly #stream: Socket;
  readonly #terms: SocksTerms;
  readonly #then: Then;
  #user: string | null;
  #groups: readonly string[];

  constructor(arriving: Arriving, stream: Socket, terms: SocksTerms, then: Then) {
    this.#arriving = arriving;
    this.#stream = stream;
    this.#terms = terms;
    this.#then = then;
    this.#user = terms.user;
    this.#groups = terms.groups;
  }

  begin(): void {
    this.#read((seen) => {
      const version = seen[0];
      if (version === 4) return this.#found(readRequest4(seen), (request) => this.#requested4(request));
      if (version === 5) return this.#found(readGreeting(seen), (greeting) => this.#greeted(greeting));
      throw new HttpError('ERR_PROXY_SOCKS', 'the connection does not begin as SOCKS does');
    });
  }

  #greeted({ methods }: Greeting): void {
    const mustLogIn = this.#terms.asks && this.#user === null;
    const offers = (method: number): boolean => methods.includes(method);
    if (!mustLogIn && offers(NO_AUTHENTICATION)) {
      this.#stream.write(methodMessage(NO_AUTHENTICATION));
      return this.#readRequest();
    }
    // A client that insists on a password may give one where none is needed.
    if (offers(USER_AND_PASSWORD) && (!mustLogIn || this.#terms.access.takesPasswords)) {
      this.#stream.write(methodMessage(USER_AND_PASSWORD));
      return this.#read((seen) => this.#found(readLogIn(seen), (logIn) => this.#logIn(logIn, mustLogIn)));
    }
    const what = mustLogIn
      ? 'the client does not offer user and password'
      : 'no method that is known is offered';
    this.#refuse(methodMessage(NO_ACCEPTABLE_METHOD), new HttpError('ERR_PROXY_AUTH', what));
  }

  #logIn({ user, password }: SocksLogIn, counts: boolean): void {
    const welcome = (who: LoggedIn | null): void => {
      if (this.#arriving.over) return;
      this.#user = who?.user ?? null;
      this.#groups = who?.groups ?? [];
      this.#stream.write(logInMessage(true));
      this.#readRequest();
    };
    if (!counts) return welcome(null);
    const refuse = (error: unknown): void => this.#refuse(logInMessage(false), asLogInError(error));
    const credentials = Buffer.concat([user, Buffer.from(':'), password]).toString('base64');
    try {
      // Basic would take what stands behind a colon for the password's beginning.
      if (user.includes(0x3a)) throw new HttpError('ERR_PROXY_AUTH', 'wrong user or password');
      const who = this.#terms.access.logIn(`Basic ${credentials}`, this.#arriving.client);
      if (who instanceof Promise) who.then(welcome, refuse);
      else welcome(who);
    } catch (error) {
      refuse(error);
    }
  }

  #readRequest(): void {
    this.#read((seen) => this.#found(readRequest(seen), (request) => this.#requested(request)));
  }

  #requested4(request: SocksRequest): void {
    if (!this.#terms.asks || this.#user !== null) return this.#requested(request);
    const error = new HttpError('ERR_PROXY_AUTH', 'clients of SOCKS4 cannot log in');
    this.#refuse(replyMessage(4, REPLY.notAllowed), error);
  }

  #requested({ version, target }: SocksRequest): void {
    this.#then({
      target,
      user: this.#user,
      groups: this.#groups,
      grant: () => void this.#stream.write(replyMessage(version, REPLY.granted)),
      deny: (error) => {
        const code = isDenial(error) ? REPLY.notAllowed : REPLY.failed;
        this.#stream.end(replyMessage(version, code));
        this.#stream.destroySoon();
      },
    });
  }

  #read(take: (seen: Buffer) => Taken | null): void {
    const cut = (): WeirError =>
      new HttpError('ERR_PROXY_SOCKS', 'the client closed within the SOCKS dialogue');
    this.#arriving.read(this.#stream, (seen) => this.#take(take, seen), cut);
  }

  #take(take: (seen: Buffer) => Taken | null, seen: Buffer): Taken | null {
    try {
      return take(seen);
    } catch (error) {
      if (!(error instanceof SocksRefusal)) throw error;
      const { version, reply } = error;
      return { used: seen.length, then: () => this.#refuse(replyMessage(version, reply), error) };
    }
  }

  #found<T extends { readonly length: number }>(found: T | null, then: (found: T) => void): Taken | null {
    return found === null ? null : { used: found.length, then: () => then(found) };
  }

  #refuse(answer: Buffer, error: WeirError): void {
    this.#arriving.refuse(this.#stream, answer, error);
  }
}

function isDenial({ httpStatus }: WeirError): boolean {
  return httpStatus === 403 || httpStatus === 407 || httpStatus === 429 || httpStatus === 508;
}

function asLogInError(error: unknown): WeirError {
  if (isWeirError(error)) return error;
  return new HttpError('ERR_AUTH_UNAVAILABLE', `the password could not be checked: ${messageOf(error)}`);
}
