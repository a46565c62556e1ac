// From the checked configuration to the resolved one, for the ways into the proxy. Never fails, like
// resolve.ts, which calls it.

import type { ProxyAuthConfig, ProxyClientsConfig, ProxyListener } from './access-types.ts';
import { parseNetwork } from './addresses.ts';
import type { CheckedConfig } from './schema.ts';

type Absolute = (file: string) => string;
type Checked = CheckedConfig['proxy'];

const THIS_MACHINE = ['127.0.0.0/8', '::1'].map(parseNetwork);
const BURST_SECONDS = 10;

export function resolveListeners(listen: Checked['listen'], absolute: Absolute): ProxyListener[] {
  return listen.map(({ listen: address, mode, tls, proxyProtocol, auth }) => ({
    ...address,
    mode,
    tls:
      tls === null
        ? null
        : {
            cert: orNull(tls.cert, absolute),
            key: orNull(tls.key, absolute),
            names: tls.names,
            clientCa: orNull(tls.clientCa, absolute),
          },
    proxyProtocol: proxyProtocol === false ? null : proxyProtocol === true ? THIS_MACHINE : proxyProtocol,
    auth,
  }));
}

export function resolveProxyAuth(auth: Checked['auth'], absolute: Absolute): ProxyAuthConfig | null {
  if (auth === null) return null;
  const { basic, clientCertificate, plugin } = auth;
  const groups = orNull(auth.groups, absolute);
  const negotiate =
    auth.negotiate === null
      ? null
      : {
          command: resolveCommand(auth.negotiate.command, absolute),
          children: auth.negotiate.children,
          timeoutMs: auth.negotiate.timeout,
          folder: absolute('.'),
        };
  if (basic === null) return { basic, negotiate, plugin, groups, clientCertificate };
  const { realm, file, helper } = basic;
  return {
    basic: {
      realm,
      file: orNull(file, absolute),
      helper:
        helper === null
          ? null
          : {
              command: resolveCommand(helper.command, absolute),
              children: helper.children,
              timeoutMs: helper.timeout,
              rememberMs: helper.remember,
              folder: absolute('.'),
            },
    },
    negotiate,
    plugin,
    groups,
    clientCertificate,
  };
}

/** A program without a slash is looked for in PATH. */
function resolveCommand([program = '', ...args]: readonly string[], absolute: Absolute): string[] {
  return [program.includes('/') ? absolute(program) : program, ...args];
}

export function resolveClients(clients: Checked['clients']): ProxyClientsConfig {
  const { allow, connections, requestsPerSecond, burst } = clients;
  return {
    allow,
    connections,
    requestsPerSecond,
    burst: burst ?? (requestsPerSecond ?? 0) * BURST_SECONDS,
  };
}

function orNull(file: string | null, absolute: Absolute): string | null {
  return file === null ? null : absolute(file);
}
