// A log that also tells somebody else: programs that embed Weir see the records that it writes.

import type { CaptureSink } from '../capture/capture.ts';
import type { Log } from '../telemetry/log.ts';
import type { GatewayRecord, ProxyRecord } from '../telemetry/records.ts';

export interface RecordHooks {
  /** Takes copies of the proxy's transactions; heads and bodies are read by whoever may see them. */
  readonly captures?: CaptureSink;
  /** One HTTP transaction is over. */
  readonly onRecord?: (record: ProxyRecord) => void;
  /** One ICAP transaction of the gateway in this process is over. */
  readonly onGatewayRecord?: (record: GatewayRecord) => void;
  /** A line of the log that is no record. */
  readonly onEvent?: (level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: object) => void;
}

/** The dashboard: hears of what is written anyway, and of all records while somebody watches. */
export interface RecordObserver {
  readonly isWatched: boolean;
  /** As `Telemetry.leavesOut`; absent: it wants all of them while it is watched. */
  leavesOut?(kind: 'proxy' | 'gateway', verdict: ProxyRecord['verdict'], isOwn: boolean): boolean;
  proxy(record: ProxyRecord): void;
  gateway(record: GatewayRecord, isOwn?: boolean): void;
  event(fields: object): void;
  /** Lines of JSON that another process has logged. */
  lines(text: string): void;
}

/** The log itself where nobody else wants to know. */
export function tapped(
  log: Log,
  { onRecord, onGatewayRecord, onEvent }: RecordHooks,
  observer: RecordObserver | null = null,
): Log {
  const hasHook = onRecord !== undefined || onGatewayRecord !== undefined || onEvent !== undefined;
  if (!hasHook && observer === null) return log;
  return {
    logger: log.logger,
    incidents: log.incidents,
    meters: log.meters,
    tracer: log.tracer,
    get dropped() {
      return log.dropped ?? 0;
    },
    get records() {
      return (
        log.records || onRecord !== undefined || onGatewayRecord !== undefined || observer?.isWatched === true
      );
    },
    leavesOut(kind, verdict, isOwn) {
      if (onRecord !== undefined || onGatewayRecord !== undefined) return false;
      if (observer?.isWatched === true && observer.leavesOut === undefined) return false;
      if (log.records && log.leavesOut?.(kind, verdict, isOwn) !== true) return false;
      return observer?.leavesOut?.(kind, verdict, isOwn) ?? true;
    },
    proxy(record) {
      if (log.records) log.proxy(record);
      onRecord?.(record);
      observer?.proxy(record);
    },
    gateway(record, isOwn) {
      if (log.records) log.gateway(record, isOwn);
      onGatewayRecord?.(record);
      observer?.gateway(record, isOwn);
    },
    event(level, message, fields) {
      log.event(level, message, fields);
      onEvent?.(level, message, fields);
      observer?.event(fields);
    },
    lines: (text) => {
      log.lines(text);
      observer?.lines(text);
    },
    flush: () => log.flush(),
    close: () => log.close(),
    prepare: (options) => log.prepare(options),
  };
}
