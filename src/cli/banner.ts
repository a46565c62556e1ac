// What a start says: the version, where to reach what runs, and one line to paste that tries it.

import type { RunningWeir } from '../app.ts';
import { hostToReach } from './overrides.ts';
import { shellWord, shortPath } from './shell.ts';
import { packageVersion } from './version.ts';

type Shown = Pick<
  RunningWeir,
  | 'proxyAddresses'
  | 'metrics'
  | 'reverseAddresses'
  | 'gatewayAddresses'
  | 'ca'
  | 'services'
  | 'gatewayWorkers'
> & {
  readonly dashboard: Pick<
    NonNullable<RunningWeir['dashboard']>,
    'address' | 'token' | 'tokenIsOurs' | 'tokenFile'
  > | null;
};

/**
 * The lines to print after a start, ending in an empty one.
 * @param file  configuration file, null for the embedded defaults
 * @param cwd  the CA's path is shown relative to it where that is shorter
 */
export function banner(weir: Shown, file: string | null, cwd: string): string {
  const rows: [string, string][] = [];
  for (const address of weir.proxyAddresses) rows.push(['proxy', asUrl('http', address)]);
  for (const address of weir.reverseAddresses) rows.push(['reverse', asUrl('http', address)]);
  for (const address of weir.gatewayAddresses) {
    for (const service of weir.services) rows.push(['gateway', serviceUrl(address, service)]);
  }
  const { gatewayWorkers } = weir;
  if (gatewayWorkers !== null) {
    const { workers, handlers } = gatewayWorkers.status();
    rows.push(['workers', `${workers.length} processes, at most ${handlers.most} requests at a time`]);
  }
  if (weir.ca !== null) {
    rows.push([
      'CA',
      `${shortPath(weir.ca.path, cwd)}${weir.ca.created ? '  (created: clients must trust it)' : ''}`,
    ]);
    rows.push(['setup', 'http://weir.local/  (through the proxy; on this machine: weir ca trust)']);
  }
  const { dashboard } = weir;
  if (dashboard !== null) {
    const console = reachable(asUrl('http', dashboard.address));
    const key = dashboard.tokenIsOurs ? `?token=${dashboard.token}` : '';
    rows.push(['dashboard', `${console}/${key}`]);
    rows.push(['status', `${reachable(asUrl('http', dashboard.address))}/readyz  (or: weir icap status)`]);
    if (dashboard.tokenIsOurs) {
      const where = dashboard.tokenFile === null ? '' : `  (${shortPath(dashboard.tokenFile, cwd)})`;
      rows.push(['token', `${dashboard.token}${where}`]);
    }
  }
  const metrics = weir.metrics?.address ?? null;
  if (metrics !== null) rows.push(['metrics', `${reachable(asUrl('http', metrics))}/metrics`]);
  rows.push(['config', file === null ? 'embedded defaults' : shortPath(file, cwd)]);
  const table = rows.map(([name, value]) => `  ${name.padEnd(10)}${value}`);
  return [`Weir ${packageVersion()}`, '', ...table, '', ...tryIt(weir, cwd)].join('\n');
}

function tryIt({ proxyAddresses, ca }: Shown, cwd: string): string[] {
  // The plainest one: nothing can be sent to a transparent one at all.
  const proxy =
    proxyAddresses.find((address) => !address.includes('://')) ??
    proxyAddresses.find((address) => !address.startsWith('transparent:'));
  if (proxy === undefined) return [''];
  const trust = ca === null ? [] : ['--cacert', shellWord(shortPath(ca.path, cwd))];
  const words = ['curl', '-x', shellWord(reachable(asUrl('http', proxy))), ...trust, 'https://example.com/'];
  return ['Try it:', `  ${words.join(' ')}`, '', ''];
}

/** `scheme://host:port` for an address that may or may not have its scheme already. */
function asUrl(scheme: string, address: string): string {
  return address.includes('://') ? address : `${scheme}://${address}`;
}

function serviceUrl(address: string, service: string): string {
  if (service.includes('://')) return service;
  return `${asUrl('icap', address)}/${service.replace(/^\//, '')}`;
}

/** Nobody can connect to an unspecified address: name the loopback one. */
function reachable(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  const host = hostToReach(hostname.replace(/^\[|\]$/g, ''));
  return `${protocol}//${host.includes(':') ? `[${host}]` : host}${port === '' ? '' : `:${port}`}`;
}
