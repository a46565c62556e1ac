// One receiver of syslog messages: what it wants, in which format, and by which way. Losses are told in the log
// once they begin and once they end, not for every message.

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { createSecureContext } from 'node:tls';
import { ConfigError, messageOf } from '../../errors.ts';
import { FloodGuard } from '../flood-guard.ts';
import type { SiemFormat } from './formats.ts';
import type { Facility } from './rfc5424.ts';
import { lineFramed, octetCounted, syslogMessage } from './rfc5424.ts';
import type { SyslogSender } from './sender.ts';
import type { SiemEvent, SiemKind } from './siem-event.ts';
import { StreamSender } from './stream-sender.ts';
import { UdpSender } from './udp-sender.ts';

export interface SyslogTargetOptions {
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly host: string;
  readonly port: number;
  readonly format: SiemFormat;
  readonly facility: Facility;
  readonly framing: 'octet-counting' | 'newline';
  readonly send: readonly SiemKind[];
  /** Bytes of a message. */
  readonly maxBytes: number;
  /** Messages that wait for a connection. */
  readonly maxQueue: number;
  readonly hostName: string;
  /** PEM files; of `tls` alone. */
  readonly tls: {
    readonly ca: readonly string[];
    readonly cert: string | null;
    readonly key: string | null;
    readonly verify: boolean;
    readonly serverName: string | null;
  };
  /** Milliseconds before the second connection; default 1000. */
  readonly pauseMs?: number;
}

export type TargetLog = (level: 'info' | 'warn', message: string, fields: object) => void;

export class SyslogTarget {
  readonly options: SyslogTargetOptions;
  /** `tls://siem.example:6514`. */
  readonly address: string;
  readonly #sender: SyslogSender;
  readonly #floods = new FloodGuard();
  readonly #log: TargetLog;

  /** @throws {ConfigError} `ERR_CONFIG_UNREADABLE`, `ERR_CONFIG_VALUE` for files of TLS */
  constructor(options: SyslogTargetOptions, log: TargetLog) {
    this.options = options;
    this.#log = log;
    const { transport, host, port, framing, maxQueue, pauseMs } = options;
    this.address = `${transport}://${host}:${port}`;
    const onTrouble = (error: Error): void => this.#onTrouble(error);
    this.#sender =
      transport === 'udp'
        ? new UdpSender(host, port, onTrouble)
        : new StreamSender({
            ...{ host, port, maxQueue, onTrouble },
            tls: transport === 'tls' ? tlsOptions(options) : null,
            frame: framing === 'newline' ? lineFramed : octetCounted,
            onRecovered: () => this.#onRecovered(),
            ...(pauseMs === undefined ? {} : { pauseMs }),
          });
  }

  get dropped(): number {
    return this.#sender.dropped;
  }

  wants(kind: SiemKind): boolean {
    return this.options.send.includes(kind);
  }

  send(event: SiemEvent): void {
    this.#sender.send(syslogMessage(event, this.options));
  }

  close(graceMs: number): Promise<void> {
    return this.#sender.close(graceMs);
  }

  #onTrouble(error: Error): void {
    const leftOut = this.#floods.pass('trouble');
    if (leftOut === null) return;
    const { dropped, waiting } = this.#sender;
    this.#log('warn', `syslog: ${this.address} cannot be reached: ${messageOf(error)}`, { dropped, waiting });
  }

  #onRecovered(): void {
    const { dropped, waiting } = this.#sender;
    this.#log('info', `syslog: ${this.address} is reached again`, { dropped, waiting });
  }
}

function tlsOptions({ host, tls }: SyslogTargetOptions): ConnectionOptions {
  const { ca, cert, key, verify } = tls;
  const serverName = tls.serverName ?? host;
  const options: ConnectionOptions = {
    ...(ca.length === 0 ? {} : { ca: ca.map(read) }),
    ...(cert === null ? {} : { cert: read(cert) }),
    ...(key === null ? {} : { key: read(key) }),
    rejectUnauthorized: verify,
    minVersion: 'TLSv1.2',
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
  };
  try {
    return { ...options, secureContext: createSecureContext(options) };
  } catch (error) {
    const text = `log.syslog: certificates of tls://${host} cannot be used: ${messageOf(error)}`;
    throw new ConfigError('ERR_CONFIG_VALUE', text, {}, error);
  }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const text = `log.syslog: cannot read ${path}: ${messageOf(error)}`;
    throw new ConfigError('ERR_CONFIG_UNREADABLE', text, { path }, error);
  }
}
