// Ways to log in to the proxy that plugins bring: a scheme of RFC 9110 §11 whose dialogue may take several legs on
// one connection, such as Negotiate (RFC 4559). Who is asked to log in, and when, is the configuration's.

/** Who has logged in. */
export interface Identity {
  /** As logs and X-Authenticated-User name them: 1 to 255 characters, none of them a control character. */
  readonly user: string;
  /** Names of the groups that the user is in: at most 256, each as `user` is. Default: none. */
  readonly groups?: readonly string[];
}

/** What one leg leads to. */
export type AuthenticationStep =
  /** Another leg: `token` follows the scheme in Proxy-Authenticate. */
  | { readonly kind: 'challenge'; readonly token: string }
  | { readonly kind: 'identity'; readonly identity: Identity; readonly token?: string }
  /** Wrong credentials. `reason` is for the log. */
  | { readonly kind: 'refused'; readonly reason?: string };

/** One dialogue: what it knows of the legs before is its own. */
export interface Authentication {
  /**
   * Judges one leg. A throw is no refusal: it says that nobody can be judged now (503).
   * @param token  what follows the scheme in Proxy-Authorization; '' where nothing does
   * @param signal  aborted when the time is over
   */
  step(token: string, signal: AbortSignal): AuthenticationStep | Promise<AuthenticationStep>;
  /** The dialogue is over, or its connection has ended. */
  close?(): void;
}

export interface PluginAuthenticator {
  /** Name of the scheme, as it is offered: `Negotiate`. */
  readonly scheme: string;
  /** Parameters behind the scheme where a dialogue is offered, e.g. `realm="Weir"`. Default: none. */
  readonly parameters?: string;
  /** Milliseconds for each leg. Default 10 000. */
  readonly timeoutMs?: number;
  /**
   * Whether who has logged in stays so on that connection, as with Negotiate (RFC 4559). Default true;
   * otherwise every request is judged by its own credentials, in one leg.
   */
  readonly perConnection?: boolean;
  /** Begins a dialogue. @param client  address */
  begin(client: string): Authentication;
}

/** An authenticator that was registered. */
export interface RegisteredAuthenticator {
  readonly plugin: string;
  readonly scheme: string;
  readonly authenticator: PluginAuthenticator;
}
