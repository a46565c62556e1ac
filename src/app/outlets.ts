// Who else hears of what happens: receivers of syslog messages, and webhooks. Takes incidents from the log's hub
// and records as they are written; a reload exchanges what has changed and leaves the rest connected.

import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { RecordObserver } from './record-tap.ts';
import type { ResolvedConfig } from '../config/types.ts';
import { ConfigError, messageOf } from '../errors.ts';
import type { Incident, IncidentSink } from '../telemetry/incidents.ts';
import type { GatewayRecord, ProxyRecord, Telemetry } from '../telemetry/records.ts';
import type { SiemEvent, SiemKind } from '../telemetry/syslog/siem-event.ts';
import { gatewayEvent, incidentEvent, proxyEvent } from '../telemetry/syslog/siem-event.ts';
import { SyslogTarget } from '../telemetry/syslog/target.ts';
import { Webhook } from '../telemetry/webhooks/webhook.ts';

type OutletsConfig = Pick<ResolvedConfig, 'log' | 'webhooks'>;
type Log = Telemetry['event'];

/** Made from a piece of the configuration. */
interface Made<T> {
  readonly from: unknown;
  readonly it: T;
}

interface Set {
  readonly syslog: readonly Made<SyslogTarget>[];
  readonly webhooks: readonly Made<Webhook>[];
}

const GRACE_MS = 2000; // for messages that wait, when Weir stops

export class Outlets implements IncidentSink, RecordObserver {
  readonly #log: Log;
  #set: Set = { syslog: [], webhooks: [] };
  /** What somebody wants beside incidents; read for every record. */
  #wanted: Readonly<Record<SiemKind, boolean>> = { incidents: false, gateway: false, proxy: false };

  /** @throws {ConfigError} `ERR_CONFIG_…` for files of TLS */
  constructor(config: OutletsConfig, log: Log) {
    this.#log = log;
    this.prepare(config).apply();
  }

  /** Whether records are wanted, also where the log itself leaves them out. */
  get isWatched(): boolean {
    return this.#wanted.gateway || this.#wanted.proxy;
  }

  incident(incident: Incident): void {
    for (const { it } of this.#set.webhooks) it.incident(incident);
    if (this.#wanted.incidents) this.#send('incidents', () => incidentEvent(incident));
  }

  gateway(record: GatewayRecord): void {
    this.#gateway(record, Date.now());
  }

  #gateway(record: GatewayRecord, time: number): void {
    if (this.#wanted.gateway) this.#send('gateway', () => gatewayEvent(record, time));
  }

  proxy(record: ProxyRecord): void {
    if (this.#wanted.proxy) this.#send('proxy', () => proxyEvent(record, Date.now()));
  }

  /** Events are the log's alone: some of them are about receivers that cannot be reached. */
  event(): void {}

  /** Lines of JSON that worker processes have logged. */
  lines(text: string): void {
    if (!this.#wanted.gateway) return;
    for (const line of text.split('\n')) {
      if (!line.includes('"kind":"gateway"')) continue;
      const record = parsed(line);
      if (record?.kind === 'gateway') this.#gateway(record, Date.parse(record.time) || Date.now());
    }
  }

  /**
   * Makes what a configuration says; what it has in common with the present one is kept.
   * @throws {ConfigError} `ERR_CONFIG_…`: nothing has changed then
   */
  prepare(config: OutletsConfig): { apply(): void; discard(): void } {
    const before = this.#set;
    const made: (() => void)[] = [];
    const keep = <T>(
      list: readonly Made<T>[],
      from: unknown,
      make: () => T,
      undo: (it: T) => void,
    ): Made<T> => {
      const known = list.find((each) => isDeepStrictEqual(each.from, from));
      if (known !== undefined) return known;
      const it = make();
      made.push(() => undo(it));
      return { from, it };
    };
    const log: Log = (...event) => this.#log(...event);
    const syslog = config.log.syslog.map((from) => {
      return keep(
        before.syslog,
        from,
        () => new SyslogTarget(from, log),
        (it) => void it.close(0),
      );
    });
    // A webhook reads its folder as soon as it is there: those of before must have let go of it.
    const hooks = config.webhooks.map((from) => ({ from, ca: from.ca.map(read) }));
    return {
      apply: () => {
        const wants = (kind: SiemKind): boolean => syslog.some(({ it }) => it.wants(kind));
        const closing = before.webhooks
          .filter(({ from }) => !config.webhooks.some((next) => isDeepStrictEqual(from, next)))
          .map(({ it }) => it.close());
        for (const old of before.syslog) if (!syslog.includes(old)) void old.it.close(GRACE_MS);
        const webhooks = hooks.map(({ from, ca }) => {
          const options = { ...from, ca, after: Promise.all(closing) };
          return keep(
            before.webhooks,
            from,
            () => new Webhook(options, log),
            () => {},
          );
        });
        this.#set = { syslog, webhooks };
        this.#wanted = { incidents: wants('incidents'), gateway: wants('gateway'), proxy: wants('proxy') };
      },
      discard: () => made.forEach((undo) => undo()),
    };
  }

  async close(): Promise<void> {
    const { syslog, webhooks } = this.#set;
    this.#set = { syslog: [], webhooks: [] };
    this.#wanted = { incidents: false, gateway: false, proxy: false };
    await Promise.all([
      ...syslog.map(({ it }) => it.close(GRACE_MS)),
      ...webhooks.map(({ it }) => it.close()),
    ]);
  }

  #send(kind: SiemKind, make: () => SiemEvent): void {
    const event = make();
    for (const { it } of this.#set.syslog) if (it.wants(kind)) it.send(event);
  }
}

function parsed(line: string): (GatewayRecord & { kind?: string; time: string }) | null {
  try {
    return JSON.parse(line) as GatewayRecord & { kind?: string; time: string };
  } catch {
    return null; // a worker that died in the middle of a line
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const text = `webhooks: cannot read ${path}: ${messageOf(error)}`;
    throw new ConfigError('ERR_CONFIG_UNREADABLE', text, { path }, error);
  }
}
