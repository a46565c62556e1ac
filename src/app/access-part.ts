// Who may use the proxy, from the configuration to plain options: networks, limits, and the ways to log in
// with what they read and start. At a reload what did not change is taken over, with the passwords that it
// remembers.

import { createHash } from 'node:crypto';
import { accessSync, constants, readFileSync } from 'node:fs';
import { BasicAuthenticator } from '../auth/basic.ts';
import { FailureThrottle } from '../auth/failure-throttle.ts';
import { readGroupFile } from '../auth/group-file.ts';
import { HelperVerifier } from '../auth/helper.ts';
import { NegotiateHelper } from '../auth/negotiate-helper.ts';
import { PROXY_PASSWORD_COMMAND, readPasswordFile } from '../auth/password-file.ts';
import { HashVerifier } from '../auth/password-verifier.ts';
import type { HelperConfig, ProxyAuthConfig, ProxyBasicConfig, ProxyConfig } from '../config/types.ts';
import { ConfigError, HttpError, messageOf } from '../errors.ts';
import type { RegisteredAuthenticator } from '../plugin/api.ts';
import type { AccessOptions } from '../proxy/access/access.ts';
import type { Authenticator } from '../proxy/access/authenticator.ts';
import { basicScheme } from '../proxy/access/authenticator.ts';
import { DialogueScheme } from '../proxy/access/dialogue-scheme.ts';
import { FloodGuard } from '../telemetry/flood-guard.ts';
import type { Telemetry } from '../telemetry/records.ts';
import { sortedJson } from '../util/sorted-json.ts';

export interface AccessPart {
  readonly options: AccessOptions;
  readonly throttle: FailureThrottle;
  /** Ends what was started for it; what is under way is finished. */
  close(): void;
}

/**
 * Makes the access rules of the proxy.
 * @param before  what is in force, or null at the start
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`, `ERR_CONFIG_VALUE`: the password file, the groups, or the helper
 */
export function makeAccessPart(
  { auth, clients }: Pick<ProxyConfig, 'auth' | 'clients'>,
  before: AccessPart | null,
  telemetry: Telemetry,
  registered: readonly RegisteredAuthenticator[] = [],
): AccessPart {
  const basic = auth?.basic ?? null;
  const ofPlugin = auth?.plugin == null ? null : authenticatorOf(auth.plugin, registered);
  const digest = basic?.file == null ? null : digestOf(basic.file);
  const file = auth?.groups ?? null;
  const groups = file === null ? null : readGroupFile(file);
  const key = sortedJson([
    auth,
    digest,
    file === null ? null : digestOf(file),
    ofPlugin === null ? null : numberOf(ofPlugin),
  ]);
  const throttle = before?.throttle ?? new FailureThrottle();
  const ways =
    before?.options.key === key
      ? { authenticators: before.options.authenticators, close: () => before.close() }
      : together([
          ...(auth?.negotiate == null ? [] : [makeNegotiate(auth.negotiate, telemetry)]),
          ...(ofPlugin === null
            ? []
            : [{ authenticators: [new DialogueScheme(ofPlugin.authenticator)], close: () => {} }]),
          ...(basic === null ? [] : [makeBasic(basic, throttle, telemetry)]),
        ]);
  const { allow, connections, requestsPerSecond: perSecond, burst } = clients;
  const options: AccessOptions = {
    allow: allow === null ? null : allow.map(({ address, prefix }) => `${address}/${prefix}`),
    connections,
    requests: perSecond === null ? null : { perSecond, burst },
    authenticators: ways.authenticators,
    groups,
    certificateUser: auth?.clientCertificate?.user ?? null,
    key,
  };
  return { options, throttle, close: ways.close };
}

interface Ways {
  readonly authenticators: readonly Authenticator[];
  close(): void;
}

function together(ways: readonly Ways[]): Ways {
  return {
    authenticators: ways.flatMap(({ authenticators }) => authenticators),
    close: () => ways.forEach((way) => way.close()),
  };
}

const numbers = new WeakMap<RegisteredAuthenticator, number>();
let lastNumber = 0;

/** Another one for each instance of a plugin: what one of them has found out is not the next one's word. */
function numberOf(registered: RegisteredAuthenticator): number {
  const number = numbers.get(registered) ?? ++lastNumber;
  numbers.set(registered, number);
  return number;
}

function authenticatorOf(
  scheme: string,
  registered: readonly RegisteredAuthenticator[],
): RegisteredAuthenticator {
  const found = registered.find((each) => each.scheme.toLowerCase() === scheme.toLowerCase());
  if (found !== undefined) return found;
  const there = registered.map((each) => each.scheme).join(', ') || 'none';
  const text = `proxy.auth.plugin: no plugin brings a log-in of scheme ${scheme}; there are: ${there}`;
  throw new ConfigError('ERR_CONFIG_VALUE', text, { path: 'proxy.auth.plugin' });
}

function makeNegotiate(
  { command, children, timeoutMs, folder }: NonNullable<ProxyAuthConfig['negotiate']>,
  telemetry: Telemetry,
): Ways {
  const options = { command, folder, timeoutMs, onTrouble: watchHelper('negotiate', command, telemetry) };
  const helper = new NegotiateHelper(options, children);
  return { authenticators: [new DialogueScheme(helper)], close: () => helper.close() };
}

function makeBasic(
  { realm, file, helper }: ProxyBasicConfig,
  throttle: FailureThrottle,
  telemetry: Telemetry,
): Ways {
  const options = { throttle, busy: (message: string) => new HttpError('ERR_AUTH_BUSY', message) };
  if (helper === null) {
    const { users, warnings } = readPasswordFile(file!, PROXY_PASSWORD_COMMAND);
    for (const warning of warnings) telemetry.event('warn', warning, {});
    const passwords = new BasicAuthenticator(new HashVerifier(users), options);
    return { authenticators: [basicScheme(realm, passwords)], close: () => {} };
  }
  const program = makeHelper(helper, telemetry);
  const { children: atATime, rememberMs } = helper;
  const passwords = new BasicAuthenticator(program, { ...options, atATime, rememberMs });
  return { authenticators: [basicScheme(realm, passwords)], close: () => program.close() };
}

function makeHelper({ command, folder, timeoutMs }: HelperConfig, telemetry: Telemetry): HelperVerifier {
  const onTrouble = watchHelper('basic.helper', command, telemetry);
  return new HelperVerifier({ command, folder, timeoutMs, onTrouble });
}

/** @param key  below proxy.auth. @throws {ConfigError} `ERR_CONFIG_UNREADABLE`: the program cannot be run */
function watchHelper(
  key: string,
  [program = '']: readonly string[],
  telemetry: Telemetry,
): (message: string) => void {
  if (program.includes('/')) {
    try {
      accessSync(program, constants.X_OK);
    } catch (error) {
      const text = `proxy.auth.${key}: cannot run ${program}: ${messageOf(error)}`;
      throw new ConfigError('ERR_CONFIG_UNREADABLE', text, { path: program }, error);
    }
  }
  const flood = new FloodGuard();
  return (message) => {
    if (flood.pass('helper') === null) return;
    telemetry.event('warn', `the program of proxy.auth.${key}: ${message}`, { program });
  };
}

/** Null for a file that cannot be read, which is told elsewhere. */
function digestOf(path: string): string | null {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('base64');
  } catch {
    return null;
  }
}
