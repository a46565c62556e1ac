// What is allowed but probably not meant, or weakens protection: told as warnings, never refused.

import { formatListen } from './addresses.ts';
import { shown, type ConfigPath, type UnplacedProblem } from './problems.ts';
import { DEFAULT_SERVICE } from './resolve.ts';
import { configSchema } from './schema.ts';
import type { ResolvedConfig } from './types.ts';

/**
 * Warnings about a configuration that can be used.
 * @param raw the configuration as written
 * @param config the same, resolved
 */
export function advise(raw: unknown, config: ResolvedConfig): UnplacedProblem[] {
  const { proxy, adaptation, gateway, dashboard } = config;
  const preset = configSchema.parse({});
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

  const { min, max } = gateway.workers;
  if (min !== preset.gateway.workers.min || max !== preset.gateway.workers.max) {
    warn(
      ['gateway', 'workers'],
      gateway.workers,
      'the default',
      'has no effect: this version has one process',
    );
  }
  const presetListen = formatListen(preset.dashboard.listen);
  if (dashboard.token !== null || formatListen(dashboard.listen) !== presetListen) {
    warn(['dashboard'], dashboard, 'the default', 'has no effect: this version has no dashboard');
  }

  for (const [index, listener] of proxy.listen.entries()) {
    if (isLoopback(listener.host)) continue;
    const address = formatListen(listener);
    const message = `${address} may be reached from other machines, and this version asks no one for a password: restrict it with a firewall`;
    warn(['proxy', 'listen', index, 'listen'], address, '127.0.0.1 or [::1]', message);
  }
  if (!proxy.upstream.verify) {
    const message = 'is off: origins are not authenticated, and clients cannot notice';
    warn(['proxy', 'upstream', 'verify'], false, 'true', message);
  }

  const rulesGiven = (child(child(raw, 'adaptation'), 'rules') ?? null) !== null;
  const services = Object.keys(adaptation.services).filter((name) => name !== DEFAULT_SERVICE);
  if (!rulesGiven && services.length > 0) {
    const message = `no rule uses ${services.join(', ')}: everything goes to ${DEFAULT_SERVICE}; add adaptation.rules`;
    warn(['adaptation', 'services'], services, 'services that adaptation.rules use', message);
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
