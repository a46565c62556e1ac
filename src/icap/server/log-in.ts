// The step of a request before it is dispatched: whoever has to log in is asked for it before being told
// which services there are. Whose password is right, access.ts says. C-18, S-407.

import { servicePath } from '../codec/uri.ts';
import type { IcapPeer, IcapServerContext } from './context.ts';
import type { Exchange } from './exchange.ts';
import { asIcapError } from './exchange.ts';

export interface LogInEvents {
  /** At once where the password is known, or the service asks for none. */
  admitted(): void;
  refused(error: unknown): void;
}

/** Calls exactly one of the events; the exchange then carries the user, and the service of that moment. */
export function logIn(
  context: IcapServerContext,
  admit: NonNullable<IcapServerContext['admit']>,
  exchange: Exchange,
  peer: IcapPeer,
  events: LogInEvents,
): void {
  const admitted = (user: string | null): void => {
    exchange.transaction.icapUser = user;
    events.admitted();
  };
  const refused = (error: unknown): void => {
    context.refused(peer.address, asIcapError(error));
    events.refused(error);
  };
  const late = (user: string | null): void => {
    // A reload may have replaced the service meanwhile, and closed what it worked with.
    exchange.service = context.host.find(servicePath(exchange.head.uri));
    admitted(user);
  };
  let user: string | null | Promise<string | null>;
  try {
    user = admit(exchange.head.headers, exchange.service, peer);
  } catch (error) {
    return refused(error);
  }
  if (user instanceof Promise) user.then(late, refused);
  else admitted(user);
}
