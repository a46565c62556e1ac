// A way to log in to the proxy, as an Authorization scheme: whoever implements it says what clients are
// asked for and who they are. The proxy comes with Basic; what asks other systems implements the same.
// RFC 9110 §11; which schemes are offered, and where, is access.ts.

import type { BasicAuthenticator } from '../../auth/basic.ts';

/** Who has logged in. */
export interface LoggedIn {
  readonly user: string;
  /** As far as the log-in knows them. */
  readonly groups: readonly string[];
}

export interface Authenticator {
  /** Name of the scheme in lower case, e.g. `basic`. */
  readonly scheme: string;
  /** Value of Proxy-Authenticate, e.g. `Basic realm="Weir"`. */
  readonly challenge: string;
  /**
   * Finds out who has sent credentials. Asked for every request, so what was found out should be remembered;
   * how many are examined at a time must be bounded.
   *
   * @param credentials  value of Proxy-Authorization, scheme included
   * @param client  address of the client
   * @param scope  its connection, where a login may hold for that; null: it may not
   * @returns the user, at once where it is known; null when the credentials are wrong
   * @throws or rejects when it cannot be found out
   */
  authenticate(
    credentials: string,
    client: string,
    scope: object | null,
  ): LoggedIn | null | Promise<LoggedIn | null>;
  /** Who has logged in on a connection for all that comes on it; null: nobody. */
  known?(scope: object): LoggedIn | null;
}

/**
 * The Basic scheme.
 * @param realm  shown by browsers; without control characters
 */
export function basicScheme(realm: string, passwords: BasicAuthenticator): Authenticator {
  const quoted = realm.replace(/["\\]/g, '\\$&');
  return {
    scheme: 'basic',
    challenge: `Basic realm="${quoted}", charset="UTF-8"`,
    authenticate: (credentials, client) => {
      const user = passwords.check(credentials, client);
      return user instanceof Promise ? user.then(withoutGroups) : withoutGroups(user);
    },
  };
}

const NONE: readonly string[] = [];

function withoutGroups(user: string | null): LoggedIn | null {
  return user === null ? null : { user, groups: NONE };
}
