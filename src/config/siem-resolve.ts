// Completes `log.syslog` and `webhooks`: absolute paths, folders, and defaults that depend on the way.

import os from 'node:os';
import path from 'node:path';
import type { CheckedConfig } from './schema.ts';
import type { SyslogConfig, WebhookConfig } from './siem-types.ts';

const UDP_BYTES = 2048; // what receivers should take, RFC 5426 §3.2
const STREAM_BYTES = 8192;

type Absolute = (file: string) => string;

export function resolveSyslog(targets: CheckedConfig['log']['syslog'], absolute: Absolute): SyslogConfig[] {
  const orNull = (file: string | null): string | null => (file === null ? null : absolute(file));
  return targets.map(({ url, format, send, facility, framing, hostName, maxMessage, queue, tls }) => ({
    ...url,
    ...{ format, send, facility, framing },
    hostName: hostName ?? os.hostname(),
    maxBytes: maxMessage ?? (url.transport === 'udp' ? UDP_BYTES : STREAM_BYTES),
    maxQueue: queue,
    tls: { ...tls, ca: tls.ca.map(absolute), cert: orNull(tls.cert), key: orNull(tls.key) },
  }));
}

/** @param stateFolder  where folders of webhooks lie unless they say otherwise */
export function resolveWebhooks(
  hooks: CheckedConfig['webhooks'],
  absolute: Absolute,
  stateFolder: string,
): WebhookConfig[] {
  return hooks.map(({ folder, ca, timeout, maxAge, ...rest }) => ({
    ...rest,
    folder: folder === null ? path.join(stateFolder, rest.name) : absolute(folder),
    ca: ca.map(absolute),
    timeoutMs: timeout,
    maxAgeMs: maxAge,
  }));
}
