// `onCertError: warn`: a user who opens such a site in a browser may go on from the page that explains it.
// The decision is a signed cookie, of this client, host and certificate and for a time; a program that
// cannot read the page gets the error. Nothing of it reaches the site or a service.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Body } from '../http/body.ts';
import type { Answer } from '../http/server-connection.ts';
import type { RawHeaders, RequestHead } from '../icap/codec/http-head.ts';
import type { Telemetry } from '../telemetry/records.ts';
import type { OriginTarget } from './origin/engine.ts';
import type { CertificateReport } from './origin/verification-report.ts';
import type { Session } from './session.ts';

const PATH = '/.well-known/weir/certificate';
const COOKIE = '__Host-weir-certificate';
const ASK_MS = 600_000; // time that the page may stay open
const MAX_TOKEN = 12_288; // characters
const MAX_RETURN = 4_096; // characters of the path that the user wanted

/** Of this process: a restart asks again. */
const KEY = randomBytes(32);

/** What is signed. */
interface Grant {
  readonly kind: 'ask' | 'pass';
  readonly client: string;
  readonly user: string | null;
  /** `name port`. */
  readonly place: string;
  readonly fingerprint: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** Where the user wanted to; '' in a pass. */
  readonly path: string;
}

/** A request on its way; what the cookie says goes into `target`, and the cookie off the head. */
export interface Passing {
  target: OriginTarget;
  head: RequestHead;
}

export class CertificateWarnings {
  readonly #applies: (host: string) => boolean;
  readonly #passMs: number;
  readonly #telemetry: Telemetry;

  /** @param applies  whether a host's rule says `warn` */
  constructor(applies: (host: string) => boolean, passMs: number, telemetry: Telemetry) {
    this.#applies = applies;
    this.#passMs = passMs;
    this.#telemetry = telemetry;
  }

  /**
   * Looks whether a request carries a decision, or is one.
   * @returns the answer to a decision; null: the request goes on
   */
  enter(session: Session, request: Passing): Answer | null {
    const { target, head } = request;
    if (!target.secure || session.tls === null || !this.#applies(target.serverName)) return null;
    if (head.method === 'GET' && head.target.startsWith(`${PATH}?token=`)) {
      const grant = opened(head.target.slice(PATH.length + '?token='.length), 'ask', session, target);
      return grant === null ? null : this.#pass(session, target, grant);
    }
    const { headers, tokens } = withoutCookie(head.headers);
    if (tokens.length === 0) return null;
    request.head = { ...head, headers };
    const grant = tokens.map((token) => opened(token, 'pass', session, target)).find((one) => one !== null);
    if (grant != null) request.target = { ...target, acceptedCertificate: grant.fingerprint };
    return null;
  }

  /** The way on from the page; null: this client gets none. */
  wayOn(
    session: Session,
    report: CertificateReport,
    request: RequestHead | null,
  ): { action: string; token: string; holds: string } | null {
    const { fingerprint256: fingerprint, serverName, port, faults } = report;
    if (request === null || fingerprint === null || session.tls === null || !this.#applies(serverName))
      return null;
    // Whoever has revoked it knows something that a user does not.
    if (faults.some(({ code }) => code === 'revoked') || !isNavigation(request)) return null;
    // Two slashes in front would lead to another host.
    const path = /^\/(?![/\\])/.test(request.target) ? request.target : '/';
    const { client, user } = session;
    const place = `${serverName} ${port}`;
    const until = Date.now() + ASK_MS;
    const back = path.length <= MAX_RETURN ? path : '/';
    const token = sealed({ kind: 'ask', client, user, place, fingerprint, until, path: back });
    return { action: PATH, token, holds: holdsText(this.#passMs) };
  }

  #pass({ client, user }: Session, { serverName, port }: OriginTarget, grant: Grant): Answer {
    const { fingerprint, place, path } = grant;
    const until = Date.now() + this.#passMs;
    const cookie = sealed({ kind: 'pass', client, user, place, fingerprint, until, path: '' });
    const facts = { client, user, host: serverName, port, fingerprint, until: new Date(until).toISOString() };
    this.#telemetry.event('warn', 'a user goes on to a site whose certificate cannot be verified', facts);
    const seconds = Math.floor(this.#passMs / 1000);
    return {
      status: 303,
      reason: 'See Other',
      headers: [
        ...[
          'Location',
          path,
          'Cache-Control',
          'no-store',
          'Referrer-Policy',
          'no-referrer',
          'Content-Length',
          '0',
        ],
        'Set-Cookie',
        `${COOKIE}-${port}=${cookie}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${seconds}`,
      ],
      body: Body.of(),
      contentLength: 0,
    };
  }
}

/** A person who opens the site, in a window of its own: not a program, a picture or a frame. */
function isNavigation({ method, headers }: RequestHead): boolean {
  if (method !== 'GET') return false;
  const mode = valueOf(headers, 'sec-fetch-mode');
  if (mode !== null) return mode === 'navigate' && valueOf(headers, 'sec-fetch-dest') === 'document';
  return /(?:^|[,\s])text\/html\b/i.test(valueOf(headers, 'accept') ?? '');
}

function valueOf(headers: RawHeaders, name: string): string | null {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]!.toLowerCase() === name) return headers[at + 1]!;
  }
  return null;
}

/** Takes our cookies off a head. */
function withoutCookie(headers: RawHeaders): { headers: RawHeaders; tokens: string[] } {
  const tokens: string[] = [];
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const [name, value] = [headers[at]!, headers[at + 1]!];
    if (name.length !== 6 || name.toLowerCase() !== 'cookie' || !value.includes(COOKIE)) {
      kept.push(name, value);
      continue;
    }
    const pairs = value.split(';').map((pair) => pair.trim());
    const others = pairs.filter((pair) => !pair.startsWith(COOKIE));
    tokens.push(
      ...pairs.filter((pair) => pair.startsWith(COOKIE)).map((pair) => pair.slice(pair.indexOf('=') + 1)),
    );
    if (others.length > 0) kept.push(name, others.join('; '));
  }
  return tokens.length === 0 ? { headers, tokens } : { headers: kept, tokens: tokens.slice(0, 4) };
}

function sealed(grant: Grant): string {
  const payload = Buffer.from(JSON.stringify(grant)).toString('base64url');
  return `${payload}.${signature(payload).toString('base64url')}`;
}

/** Null for anything that was not sealed here, for another client, place or purpose, or that is over. */
function opened(
  token: string,
  kind: Grant['kind'],
  { client, user }: Session,
  target: OriginTarget,
): Grant | null {
  if (token.length > MAX_TOKEN) return null;
  const [payload = '', seal = ''] = token.split('.');
  const given = Buffer.from(seal, 'base64url');
  const expected = signature(payload);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  const grant = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Grant;
  const isFor = grant.client === client && grant.user === user;
  const isHere = grant.place === `${target.serverName} ${target.port}` && grant.kind === kind;
  return isFor && isHere && Date.now() < grant.until ? grant : null;
}

function signature(payload: string): Buffer {
  return createHmac('sha256', KEY).update(payload).digest();
}

/** `1 hour`, `90 minutes`. */
function holdsText(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  const [count, unit] = minutes % 60 === 0 ? [minutes / 60, 'hour'] : [minutes, 'minute'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
