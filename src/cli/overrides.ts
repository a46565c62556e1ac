// `--proxy-listen`, `--gateway-listen` and `--dashboard-listen`: addresses from the command line in place of the file's.

import { Option } from 'commander';
import { icapUrl, type IcapUrl, type ListenAddress, parseListen } from '../config/addresses.ts';
import type { AdaptationService, ResolvedConfig } from '../config/types.ts';
import { ConfigError, isWeirError } from '../errors.ts';

export interface ListenOptions {
  readonly proxyListen?: string;
  readonly gatewayListen?: string;
  readonly dashboardListen?: string;
}

const PLAIN_LISTENER = { mode: 'auto', tls: null, proxyProtocol: null, auth: true } as const;

export const proxyListenOption = (): Option =>
  new Option('--proxy-listen <host:port>', 'where the proxy listens, instead of proxy.listen');

export const gatewayListenOption = (): Option =>
  new Option('--gateway-listen <host:port>', 'where the gateway listens, instead of gateway.listen');

export const dashboardListenOption = (): Option =>
  new Option('--dashboard-listen <host:port>', 'where the dashboard listens, instead of dashboard.listen');

/**
 * The configuration with the given addresses. ICAP services that pointed at the gateway's former
 * address still point at the gateway.
 * @throws {ConfigError} `ERR_CONFIG_VALUE` naming the flag
 */
export function withListenOptions(config: ResolvedConfig, options: ListenOptions): ResolvedConfig {
  const { proxyListen, gatewayListen, dashboardListen } = options;
  let result = config;
  if (proxyListen !== undefined) {
    const address = parseFlag('--proxy-listen', proxyListen);
    result = { ...result, proxy: { ...result.proxy, listen: [{ ...address, ...PLAIN_LISTENER }] } };
  }
  if (dashboardListen !== undefined) {
    const listen = parseFlag('--dashboard-listen', dashboardListen);
    result = { ...result, dashboard: { ...result.dashboard, listen } };
  }
  if (gatewayListen !== undefined) {
    const address = parseFlag('--gateway-listen', gatewayListen);
    const services = followGateway(config, address);
    result = {
      ...result,
      gateway: { ...result.gateway, listen: [{ ...address, tls: null, proxyProtocol: null }] },
      adaptation: { ...result.adaptation, services },
    };
  }
  return result;
}

function followGateway(config: ResolvedConfig, to: ListenAddress): Record<string, AdaptationService> {
  const pointsHere = (url: IcapUrl): boolean =>
    url.socketPath === null &&
    config.gateway.listen.some(({ host, port }) => port === url.port && hostToReach(host) === url.host);
  const services = Object.create(null) as Record<string, AdaptationService>; // names come from the file
  for (const [name, service] of Object.entries(config.adaptation.services)) {
    const url = pointsHere(service.url)
      ? icapUrl({ ...service.url, secure: false, host: hostToReach(to.host), port: to.port })
      : service.url;
    services[name] = { ...service, url };
  }
  return services;
}

/** Address to connect to for one to listen on: the unspecified address stands for the loopback one. */
export function hostToReach(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

function parseFlag(flag: string, value: string): ListenAddress {
  try {
    return parseListen(value);
  } catch (error) {
    if (!isWeirError(error)) throw error;
    throw new ConfigError('ERR_CONFIG_VALUE', `${flag}: ${error.message}`, error.fields, error);
  }
}
