// How a browser gets its session: by the address that Weir prints, which has the token, or by a form of the
// pages that sends it. Either way the token is shown once and is gone from the address afterwards.

import type { Guard, Asked } from './guard.ts';
import type { ApiReply } from './reply.ts';
import { FOREIGN_HOST, ok, refused } from './reply.ts';
import type { Sessions } from './sessions.ts';

/** GET /?token=…: 303 to / with the cookie. A page elsewhere may not try tokens in the background. */
export function byAddress(request: Asked, token: string, guard: Guard, sessions: Sessions): ApiReply {
  if (!guard.isOurHost(request)) return FOREIGN_HOST;
  const { 'sec-fetch-site': site = 'none', 'sec-fetch-dest': purpose = 'document' } = request.headers;
  if (site !== 'none' && purpose !== 'document') return refused(403, 'a token is shown by opening a page');
  const refusal = guard.showsToken(request, `Bearer ${token}`);
  if (refusal !== null) return { ...refusal, text: WRONG, headers: { ...refusal.headers, ...PLAIN } };
  const headers = { Location: '/', 'Set-Cookie': sessions.open(), ...PLAIN };
  return { status: 303, body: null, text: '', headers };
}

/** POST /api/login with `{ token }`. */
export function byForm(request: Asked, token: unknown, guard: Guard, sessions: Sessions): ApiReply {
  if (typeof token !== 'string') return refused(400, 'token: is missing');
  const refusal = guard.showsToken(request, `Bearer ${token}`);
  return refusal ?? { ...ok({ loggedIn: true }), headers: { 'Set-Cookie': sessions.open() } };
}

/** POST /api/logout: for this browser. */
export function logOut(sessions: Sessions): ApiReply {
  return { ...ok({ loggedIn: false }), headers: { 'Set-Cookie': sessions.end() } };
}

const PLAIN = { 'Content-Type': 'text/plain; charset=utf-8' };
const WRONG =
  'That is not the token, or too many wrong ones were shown: open the address that Weir printed when it\n' +
  'started, or see certs/dashboard.token; wait a minute after many.\n';
