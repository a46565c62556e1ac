// Whether a request may reach the API. Two ways in: the token in Authorization, for programs, and the cookie
// of a session, for pages. What changes something must besides come from a page of ours: with a field that
// no form can set, and where it has an Origin, with our own. Foreign names that resolve here get nowhere.

import type { IncomingMessage } from 'node:http';
import { carriesToken, isKnownHost } from './access.ts';
import type { ApiReply } from './reply.ts';
import { FOREIGN_HOST, NO_TOKEN, refused, TOO_MANY_TOKENS } from './reply.ts';
import type { Sessions } from './sessions.ts';
import type { TokenAttempts } from './token-attempts.ts';

export type Asked = Pick<IncomingMessage, 'method' | 'headers' | 'socket'>;

/** A page of ours sends it with everything that changes something. */
const OWN_FIELD = 'x-weir-request';

export class Guard {
  readonly #token: string;
  readonly #listenHost: string;
  readonly #sessions: Sessions;
  readonly #attempts: TokenAttempts;

  constructor(token: string, listenHost: string, sessions: Sessions, attempts: TokenAttempts) {
    this.#token = token;
    this.#listenHost = listenHost;
    this.#sessions = sessions;
    this.#attempts = attempts;
  }

  /** Null where the request may go on. */
  refusal(request: Asked): ApiReply | null {
    const { method, headers } = request;
    if (!this.isOurHost(request)) return FOREIGN_HOST;
    const isBearer = headers.authorization !== undefined;
    const stranger = isBearer ? this.showsToken(request, headers.authorization) : this.#hasSession(request);
    if (stranger !== null) return stranger;
    if (method === 'GET' || method === 'HEAD') return null;
    return this.refusalOfChange(request, isBearer);
  }

  /** Null where a page may open the live feed: a browser sends cookies with it whoever asks (RFC 6455 §10.2). */
  refusalOfUpgrade(request: Asked): ApiReply | null {
    const refusal = this.refusal(request);
    if (refusal !== null) return refusal;
    const { origin, authorization } = request.headers;
    if (origin === undefined && authorization !== undefined) return null;
    return isOwnOrigin(request) ? null : FOREIGN_ORIGIN;
  }

  isOurHost({ headers }: Asked): boolean {
    return isKnownHost(headers.host, this.#listenHost);
  }

  /** Null for the token; counts what is wrong. @param authorization  `Bearer …` */
  showsToken({ socket }: Asked, authorization: string | undefined): ApiReply | null {
    const address = socket.remoteAddress ?? '';
    if (this.#attempts.isBlocked(address)) return TOO_MANY_TOKENS;
    if (carriesToken(authorization, this.#token)) return null;
    this.#attempts.wrong(address);
    return NO_TOKEN;
  }

  /** What every request must show that is no GET. @param isBearer  a program sends it, which has no Origin */
  refusalOfChange(request: Asked, isBearer: boolean): ApiReply | null {
    const { headers } = request;
    if (headers[OWN_FIELD] !== '1') {
      return refused(403, 'the field X-Weir-Request is missing', { hint: 'send `X-Weir-Request: 1`' });
    }
    if (!(isBearer && headers.origin === undefined) && !isOwnOrigin(request)) return FOREIGN_ORIGIN;
    const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    const isEmpty = headers['content-length'] === '0';
    if (!hasBody || isEmpty || /^application\/json *(?:;|$)/i.test(headers['content-type'] ?? ''))
      return null;
    return refused(415, 'only application/json', { hint: 'send `Content-Type: application/json`' });
  }

  #hasSession({ headers }: Asked): ApiReply | null {
    // A page on another port of this machine counts as the same site: the cookie comes with its requests.
    const site = headers['sec-fetch-site'] ?? 'same-origin';
    if (site !== 'same-origin' && site !== 'none') return FOREIGN_ORIGIN;
    return this.#sessions.holds(headers.cookie) ? null : NO_TOKEN;
  }
}

function isOwnOrigin({ headers }: Asked): boolean {
  const { origin, host } = headers;
  const given = /^https?:\/\/([^/?#@\s]+)$/i.exec(origin ?? '')?.[1];
  return given !== undefined && host !== undefined && given.toLowerCase() === host.toLowerCase();
}

const FOREIGN_ORIGIN = refused(403, 'asked for by a foreign page', {
  hint: 'only pages that this dashboard has served may do that',
});
