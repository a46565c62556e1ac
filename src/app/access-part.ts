// Who may use the proxy, from the configuration to plain options: networks, limits, and the ways to log in
// with what they read and start. At a reload what did not change is taken over, with the passwords that it
// remembers.

import { createHash } from 'node:crypto';
import { accessSync, constants, readFileSync } from 'node:fs';
import { BasicAuthenticator } from '../auth/basic.ts';
import { FailureThrottle } from '../auth/failure-throttle.ts';
import { HelperVerifier } from '../auth/helper.ts';
import { PROXY_PASSWORD_COMMAND, readPasswordFile } from '../auth/password-file.ts';
import { HashVerifier } from '../auth/password-verifier.ts';
import type { HelperConfig, ProxyBasicConfig, ProxyConfig } from '../config/types.ts';
import { ConfigError, HttpError, messageOf } from '../errors.ts';
import type { AccessOptions } from '../proxy/access/access.ts';
import type { Authenticator } from '../proxy/access/authenticator.ts';
import { basicScheme } from '../proxy/access/authenticator.ts';
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
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`, `ERR_CONFIG_VALUE`: the password file, or the helper
 */
export function makeAccessPart(
  { auth, clients }: Pick<ProxyConfig, 'auth' | 'clients'>,
  before: AccessPart | null,
  telemetry: Telemetry,
): AccessPart {
  const basic = auth?.basic ?? null;
  const key = sortedJson([auth, basic?.file == null ? null : digestOf(basic.file)]);
  const throttle = before?.throttle ?? new FailureThrottle();
  const ways =
    before?.options.key === key
      ? { authenticators: before.options.authenticators, close: () => before.close() }
      : basic === null
        ? { authenticators: [], close: () => {} }
        : makeBasic(basic, throttle, telemetry);
  const { allow, connections, requestsPerSecond: perSecond, burst } = clients;
  const options: AccessOptions = {
    allow: allow === null ? null : allow.map(({ address, prefix }) => `${address}/${prefix}`),
    connections,
    requests: perSecond === null ? null : { perSecond, burst },
    authenticators: ways.authenticators,
    certificateUser: auth?.clientCertificate?.user ?? null,
    key,
  };
  return { options, throttle, close: ways.close };
}

function makeBasic(
  { realm, file, helper }: ProxyBasicConfig,
  throttle: FailureThrottle,
  telemetry: Telemetry,
): { authenticators: Authenticator[]; close(): void } {
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
  const [program = ''] = command;
  if (program.includes('/')) {
    try {
      accessSync(program, constants.X_OK);
    } catch (error) {
      const text = `proxy.auth.basic.helper: cannot run ${program}: ${messageOf(error)}`;
      throw new ConfigError('ERR_CONFIG_UNREADABLE', text, { path: program }, error);
    }
  }
  const flood = new FloodGuard();
  const onTrouble = (message: string): void => {
    if (flood.pass('helper') === null) return;
    telemetry.event('warn', `the program of proxy.auth.basic.helper: ${message}`, { program });
  };
  return new HelperVerifier({ command, folder, timeoutMs, onTrouble });
}

/** Null for a file that cannot be read, which is told elsewhere. */
function digestOf(path: string): string | null {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('base64');
  } catch {
    return null;
  }
}
