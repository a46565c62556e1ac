// What proxy.listen, proxy.auth and proxy.clients must agree on with each other, on the configuration as
// written; check.ts calls it. What is allowed and probably not meant is at the end; advice.ts calls that.

import { formatListen } from './addresses.ts';
import type { ConfigPath, UnplacedProblem } from './problems.ts';
import { shown } from './problems.ts';
import type { ProxyConfig } from './types.ts';

type Tree = Readonly<Record<string, unknown>>;

/** Problems of the section `proxy`. */
export function checkAccess(proxy: Tree): UnplacedProblem[] {
  const problems: UnplacedProblem[] = [];
  const add = (path: ConfigPath, message: string, allowed: string, found: unknown): void => {
    problems.push({
      ...{ code: 'ERR_CONFIG_VALUE', path: ['proxy', ...path], message, allowed, found: shown(found) },
      suggestion: null,
    });
  };
  const { auth = null } = proxy;
  const listeners = listenersOf(proxy['listen']);
  for (const [index, listener] of listeners.entries()) checkListener(listener, index, auth !== null, add);
  if (auth !== null) checkAuth(tree(auth), listeners, add);
  const { burst = null, requestsPerSecond = null } = tree(proxy['clients']);
  if (burst !== null && requestsPerSecond === null) {
    add(
      ['clients', 'burst'],
      'has no effect without requestsPerSecond',
      'requestsPerSecond and burst',
      burst,
    );
  }
  return problems;
}

type Add = (path: ConfigPath, message: string, allowed: string, found: unknown) => void;

function checkListener(listener: Tree, index: number, hasAuth: boolean, add: Add): void {
  const path = ['listen', index];
  const { cert = null, key = null, names = [] } = tree(listener['tls']);
  if ((cert === null) !== (key === null)) {
    const missing = cert === null ? 'cert' : 'key';
    const given = cert === null ? 'key' : 'cert';
    const message = `needs tls.${missing} as well: a certificate and its key go together`;
    add([...path, 'tls', given], message, 'cert and key, or neither', cert ?? key);
  }
  if (cert !== null && Array.isArray(names) && names.length > 0) {
    const message = "has no effect: the certificate is a file's, names are for those of Weir's own CA";
    add([...path, 'tls', 'names'], message, 'no names, or no cert and key', names);
  }
  if (listener['mode'] !== 'transparent') return;
  if (isGiven(listener['tls'])) {
    const message = 'the TLS on a transparent listener is that of the origins: remove it';
    add([...path, 'tls'], message, 'no tls', listener['tls']);
  }
  if (hasAuth && listener['auth'] !== false) {
    const message =
      'clients that are redirected here know of no proxy and cannot log in: set auth: false, and name their networks in proxy.clients.allow';
    add([...path, 'mode'], message, 'auth: false', listener['mode']);
  }
}

function checkAuth(auth: Tree, listeners: readonly Tree[], add: Add): void {
  const { basic = null, negotiate = null, plugin = null, clientCertificate = null } = auth;
  const byField = basic ?? negotiate ?? plugin;
  if (byField === null && clientCertificate === null) {
    add(
      ['auth'],
      'names no way to log in: give basic, negotiate, plugin or clientCertificate',
      'basic, negotiate, plugin, clientCertificate',
      auth,
    );
  }
  const { file = null, helper = null } = tree(basic);
  if (basic !== null && (file === null) === (helper === null)) {
    const message =
      file === null
        ? 'needs a file of users and passwords, or a helper that knows them'
        : 'has a file and a helper: only one of them can say which password is right';
    add(['auth', 'basic'], message, 'file or helper', basic);
  }
  if (clientCertificate === null) return;
  const asking = listeners.filter(({ auth: asks }) => asks !== false);
  const shown = asking.filter(({ tls }) => isGiven(tree(tls)['clientCa']));
  if (shown.length === 0 || (byField === null && shown.length < asking.length)) {
    const message =
      byField === null
        ? 'nobody can show a certificate on a listener without tls.clientCa: give it one, or set auth: false there'
        : 'no listener asks for certificates: give one of them tls.clientCa';
    add(['auth', 'clientCertificate'], message, 'listeners with tls.clientCa', clientCertificate);
  }
}

/** What `advise` gets to add a warning. */
type Warn = (path: ConfigPath, found: unknown, allowed: string, message: string) => void;

/** Warnings about the ways in. */
export function adviseOnAccess({ listen, auth, clients }: ProxyConfig, warn: Warn): void {
  const everybody = clients.allow === null || clients.allow.some(({ prefix }) => prefix === 0);
  for (const [index, listener] of listen.entries()) {
    if (listener.proxyProtocol?.some(({ prefix }) => prefix === 0) === true) {
      const message = 'lets everybody who reaches the listener claim any address: name the balancers';
      warn(['proxy', 'listen', index, 'proxyProtocol'], 'every network', 'networks of balancers', message);
    }
    if (isLoopback(listener.host)) continue;
    const address = formatListen(listener);
    const asks = (auth !== null && listener.auth) || (listener.tls?.clientCa ?? null) !== null;
    if (!asks && everybody) {
      const message = `${address} may be reached from other machines, and asks no one who they are: anybody there can use it in your name. Name the clients' networks in proxy.clients.allow, or give proxy.auth`;
      warn(['proxy', 'listen', index, 'listen'], address, '127.0.0.1 or [::1]', message);
    }
    const inClear = listener.tls === null || (listener.mode === 'auto' && listener.tls.clientCa === null);
    if (auth?.basic != null && listener.auth && inClear) {
      const message = `passwords cross the network unencrypted to ${address}: give it tls and mode http, or let it listen on loopback`;
      warn(['proxy', 'listen', index, 'listen'], address, 'a listener with tls', message);
    }
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false;
}

function listenersOf(listen: unknown): Tree[] {
  return (Array.isArray(listen) ? listen : [listen]).map(tree);
}

function tree(value: unknown): Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : {};
}
