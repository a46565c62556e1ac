// Log records as JSON lines through pino, to standard output or a file; on a terminal as one readable
// line a transaction instead. Writing is batched: a record costs no system call of its own.

import { closeSync, openSync } from 'node:fs';
import pino from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { ConfigError, messageOf } from '../errors.ts';
import type { GatewayRecord, ProxyRecord, Telemetry } from './records.ts';
import { colours, formatProxyRecord } from './terminal-line.ts';

export interface LogOptions {
  readonly level: string;
  /** Null: standard output. */
  readonly file: string | null;
}

export interface Log extends Telemetry {
  readonly logger: Logger;
  flush(): void;
  close(): void;
}

/**
 * Opens the log.
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE` when the file cannot be written
 */
export function openLog(options: LogOptions): Log {
  const onTerminal = options.file === null && process.stdout.isTTY === true;
  const destination =
    options.file === null
      ? pino.destination({ fd: 1, sync: false, minLength: 4096 })
      : openFile(options.file);
  const timer = setInterval(() => destination.flush(), 250).unref();
  destination.on('error', () => {}); // a closed pipe ends the log, not the proxy
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ['*.authorization', '*.cookie', '*.password', '*.token'], censor: '[redacted]' },
    },
    onTerminal ? terminalStream(destination) : destination,
  );
  const paint = colours(onTerminal && process.env['NO_COLOR'] === undefined);
  const records = logger.isLevelEnabled('info');
  return {
    logger,
    records,
    proxy: (record: ProxyRecord) => {
      if (onTerminal) destination.write(formatProxyRecord(record, paint));
      else logger.info({ kind: 'proxy', ...rounded(record) });
    },
    gateway: (record: GatewayRecord) => {
      if (!onTerminal) logger.info({ kind: 'gateway', ...rounded(record) });
    },
    event: (level, message, fields) => logger[level](fields, message),
    flush: () => destination.flush(),
    close: () => {
      clearInterval(timer);
      try {
        destination.flushSync();
      } catch {
        // nothing was ever written, or the pipe is closed
      }
    },
  };
}

function openFile(path: string) {
  try {
    closeSync(openSync(path, 'a', 0o640));
  } catch (error) {
    throw new ConfigError(
      'ERR_CONFIG_UNREADABLE',
      `log.file: cannot write ${path}: ${messageOf(error)}`,
      { path },
      error,
    );
  }
  return pino.destination({ dest: path, append: true, sync: false, minLength: 4096 });
}

/** Events on a terminal: `warn  message` instead of JSON. */
function terminalStream(destination: { write(text: string): void }): DestinationStream {
  return {
    write(line: string) {
      const { level, msg } = JSON.parse(line) as { level: string; msg?: string };
      destination.write(`${level.padEnd(5)} ${msg ?? line}\n`);
    },
  };
}

/** Milliseconds to two decimals: more is noise in a log. */
function rounded<R extends { readonly ms: number }>(record: R): R {
  const copy = { ...record, ms: Math.round(record.ms * 100) / 100 };
  for (const key of ['adaptation', 'blades'] as const) {
    const list = (copy as Record<string, unknown>)[key] as { ms: number }[] | undefined;
    if (list !== undefined) {
      (copy as Record<string, unknown>)[key] = list.map((item) => ({
        ...item,
        ms: Math.round(item.ms * 100) / 100,
      }));
    }
  }
  return copy;
}
