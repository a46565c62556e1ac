// How the proxy reaches a configured ICAP service: in this process where it is our own gateway's, else over
// a socket with everything that the configuration says of it; and what the log says of its health.

import type { AdaptationConfig, ResolvedConfig } from '../config/types.ts';
import { ConfigError, isWeirError } from '../errors.ts';
import type { AdaptationService } from '../icap/client/adaptation.ts';
import type { IcapTlsOptions } from '../icap/client/connector.ts';
import type { HealthStatus } from '../icap/client/health.ts';
import { InProcessService } from '../icap/client/in-process.ts';
import { IcapServiceClient } from '../icap/client/service-client.ts';
import type { IcapServiceHost } from '../icap/service.ts';
import type { Telemetry } from '../telemetry/records.ts';
import { isOwnAddress } from '../util/own-address.ts';
import { WEIR_VERSION } from '../util/version.ts';
import type { Halves } from './running.ts';

export interface ServiceSurroundings {
  readonly config: ResolvedConfig;
  readonly gateway: IcapServiceHost;
  readonly halves: Halves;
  readonly telemetry: Telemetry;
}

type ServiceConfig = AdaptationConfig['services'][string];

/**
 * In this process when the URL is our own gateway's, unless the service says otherwise.
 * @param tls  what its PEM files hold; undefined for a service without TLS
 * @throws {ConfigError} `ERR_CONFIG_VALUE`: certificate, key or CA cannot be used
 */
export function wayTo(
  service: ServiceConfig,
  tls: IcapTlsOptions | undefined,
  { config, gateway, halves, telemetry }: ServiceSurroundings,
): AdaptationService {
  const { url, name } = service;
  const path = url.path.length > 1 && url.path.endsWith('/') ? url.path.slice(0, -1) : url.path;
  if (service.inProcess && halves.gateway && isOurs(url, config)) {
    return new InProcessService(name, gateway, path, url.query.slice(1));
  }
  const { timeoutMs, connectTimeoutMs, previewBytes, maxConnections, failureLimit } = service;
  const { retries, allow, sendTrailers, identity, redact, strict } = service;
  try {
    return new IcapServiceClient({
      name,
      secure: url.secure,
      host: url.host,
      port: url.port,
      socketPath: url.socketPath,
      path: `${url.path}${url.query}`,
      user: url.user,
      password: url.password,
      spool: config.adaptation.spool,
      userAgent: `Weir/${WEIR_VERSION}`,
      waits: service.onOverload === 'wait',
      isOurs: halves.gateway && isOurs(url, config),
      ...{ timeoutMs, connectTimeoutMs, previewBytes, maxConnections, failureLimit },
      ...{ retries, allow, sendTrailers, identity, redact, strict },
      ...(tls === undefined ? {} : { tls }),
      onHealth: (status) => {
        telemetry.meters?.serviceChanged(name, status.state);
        logHealth(telemetry, name, status);
      },
      onRepeat: (reason) => telemetry.meters?.repeated(name, reason),
      onNotice: (text) => telemetry.event('warn', `ICAP service ${name} ${text}`, { service: name }),
    });
  } catch (error) {
    if (!isWeirError(error) || error.code !== 'ERR_ADAPT_TLS') throw error;
    throw new ConfigError(
      'ERR_CONFIG_VALUE',
      `adaptation.services.${name}.tls: ${error.message}`,
      { service: name },
      error,
    );
  }
}

function isOurs(url: ServiceConfig['url'], { gateway }: ResolvedConfig): boolean {
  return (
    url.socketPath === null &&
    gateway.listen.some(
      ({ host, port, tls }) => port === url.port && reaches(url.host, host) && url.secure === (tls !== null),
    )
  );
}

function reaches(host: string, listener: string): boolean {
  if (host === listener) return true;
  const local = (name: string): boolean => name === 'localhost' || name === '::' || isOwnAddress(name);
  return local(host) && local(listener);
}

/** One line for each change of state: what happened, when it is tried again, what to do. */
function logHealth(telemetry: Telemetry, service: string, { state, cause, nextTryAt }: HealthStatus): void {
  if (cause === null)
    return telemetry.event('info', `ICAP service ${service} is ${state}`, { service, state });
  const { code, message, remedy } = cause;
  const nextTry = nextTryAt === null ? null : new Date(nextTryAt).toISOString();
  const fields = { service, state, code, remedy, nextTry };
  telemetry.event('warn', `ICAP service ${service} is ${state}: ${message}`, fields);
}
