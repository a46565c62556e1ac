// What is allowed but probably not meant, or weakens protection: told as warnings, never refused.

import { adviseOnAccess } from './access-check.ts';
import { formatListen } from './addresses.ts';
import { shown, type ConfigPath, type UnplacedProblem } from './problems.ts';
import { DEFAULT_SERVICE } from './resolve.ts';
import type { ResolvedConfig } from './types.ts';

/**
 * Warnings about a configuration that can be used.
 * @param raw the configuration as written
 * @param config the same, resolved
 */
export function advise(raw: unknown, config: ResolvedConfig): UnplacedProblem[] {
  const { proxy, adaptation, gateway, dashboard, metrics } = config;
  const warnings: UnplacedProblem[] = [];
  const warn = (path: ConfigPath, found: unknown, allowed: string, message: string) => {
    warnings.push({
      code: 'ERR_CONFIG_VALUE',
      path,
      found: shown(found),
      allowed,
      message,
      suggestion: null,
    });
  };

  const secrets = [gateway, ...Object.values(gateway.services)].some(({ auth }) => auth !== null);
  for (const [index, listener] of gateway.listen.entries()) {
    const address = formatListen(listener);
    if (secrets && listener.tls === null && !isLoopback(listener.host)) {
      const message = `passwords cross the network unencrypted to ${address}: give it tls, or let it listen on loopback`;
      warn(['gateway', 'listen', index], address, 'a listener with tls', message);
    }
    if (listener.proxyProtocol?.some(({ prefix }) => prefix === 0) === true) {
      const message = 'lets everybody who reaches the listener claim any address: name the balancers';
      warn(['gateway', 'listen', index, 'proxyProtocol'], 'every network', 'networks of balancers', message);
    }
  }
  if (gateway.trustIdentity.some(({ prefix }) => prefix === 0)) {
    const message = 'lets every ICAP client say who its user is: name the proxies';
    warn(['gateway', 'trustIdentity'], 'every network', 'networks of proxies', message);
  }
  if (dashboard.listen !== null && !isLoopback(dashboard.listen.host)) {
    const address = formatListen(dashboard.listen);
    const message = `${address} may be reached from other machines, and its token crosses the network unencrypted`;
    warn(['dashboard', 'listen'], address, '127.0.0.1 or [::1]', message);
  }
  if (metrics.enabled && metrics.listen !== null && !isLoopback(metrics.listen.host)) {
    const address = formatListen(metrics.listen);
    const message = `${address} may be reached from other machines, and its token crosses the network unencrypted`;
    warn(['metrics', 'listen'], address, '127.0.0.1 or [::1]', message);
  }

  adviseOnAccess(proxy, warn);
  if (proxy.targets.deny.length === 0 && proxy.listen.some(({ host }) => !isLoopback(host))) {
    const message =
      'is empty: clients on other machines reach whatever listens on this one, and the secrets of a cloud';
    warn(['proxy', 'targets', 'deny'], [], 'null, or networks and hosts', message);
  }
  if (!proxy.upstream.verify) {
    const message = 'is off: origins are not authenticated, and clients cannot notice';
    warn(['proxy', 'upstream', 'verify'], false, 'true', message);
  }

  for (const { name, url, tls } of Object.values(adaptation.services)) {
    if (!url.secure || tls.verify) continue;
    const message = 'is off: whoever sits in between can read and change every message';
    warn(['adaptation', 'services', name, 'tls', 'verify'], false, 'true', message);
  }

  const rulesGiven = (child(child(raw, 'adaptation'), 'rules') ?? null) !== null;
  const services = Object.keys(adaptation.services).filter((name) => name !== DEFAULT_SERVICE);
  if (!rulesGiven && services.length > 0) {
    const message = `no rule uses ${services.join(', ')}: everything goes to ${DEFAULT_SERVICE}; add adaptation.rules`;
    warn(['adaptation', 'services'], services, 'services that adaptation.rules use', message);
  }
  for (const [index, { point, use, when, stop }] of adaptation.rules.entries()) {
    const behind = adaptation.rules.slice(index + 1).some((rule) => rule.point === point);
    if (!stop || when !== null || !behind) continue;
    const message = `ends the chain for every message: no rule for ${point} behind it is ever used`;
    warn(['adaptation', 'rules', index], use.length === 0 ? 'use: []' : 'stop: true', 'a `when`', message);
  }
  if (adaptation.rules.length === 0) {
    const message = 'is empty: nothing is sent to any service, nothing is scanned';
    warn(['adaptation', 'rules'], [], 'at least one rule', message);
  }
  return warnings;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

function child(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
