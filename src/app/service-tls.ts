// The PEM files that the icaps services of a configuration name: read once, at the start and at each
// reload, so that one that is missing is told at once, and a changed one makes new connections.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AdaptationConfig } from '../config/types.ts';
import { ConfigError, messageOf } from '../errors.ts';
import type { IcapTlsOptions } from '../icap/client/connector.ts';
import { sortedJson } from '../util/sorted-json.ts';

export interface ServiceTls {
  /** By the name of the service; none for those without TLS. */
  readonly options: ReadonlyMap<string, IcapTlsOptions>;
  /** Equal for equal files; says nothing of what they hold. */
  readonly digest: string;
}

/** @throws {ConfigError} `ERR_CONFIG_UNREADABLE` */
export function readServiceTls({ services }: AdaptationConfig): ServiceTls {
  const options = new Map<string, IcapTlsOptions>();
  for (const { name, url, tls } of Object.values(services)) {
    if (!url.secure) continue;
    const read = (key: string, path: string): string =>
      readPem(`adaptation.services.${name}.tls.${key}`, path);
    options.set(name, {
      ca: tls.ca.map((path) => read('ca', path)),
      cert: tls.cert === null ? null : read('cert', tls.cert),
      key: tls.key === null ? null : read('key', tls.key),
      verify: tls.verify,
      serverName: tls.serverName,
    });
  }
  const digest = createHash('sha256')
    .update(sortedJson([...options]))
    .digest('hex');
  return { options, digest };
}

function readPem(where: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError('ERR_CONFIG_UNREADABLE', `${where}: ${messageOf(error)}`, { path }, error);
  }
}
