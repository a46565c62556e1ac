// Log records as JSON lines through pino, to standard output or a file; on a terminal as one readable
// line a transaction instead. Writing is batched: a record costs no system call of its own.

import fs, { closeSync, openSync } from 'node:fs';
import pino from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { ConfigError, messageOf } from '../errors.ts';
import type { GatewayRecord, ProxyRecord, Telemetry } from './records.ts';
import type { Meters } from '../metrics/meters.ts';
import type { Tracer } from './otlp/tracer.ts';
import { IncidentHub } from './incidents.ts';
import { colours, formatProxyRecord, OVERWRITE_LINE } from './terminal-line.ts';

export interface LogOptions {
  readonly level: string;
  /** Null: standard output, or `descriptor`. */
  readonly file: string | null;
  /** An open descriptor that takes JSON in place of standard output: the log of a worker process. */
  readonly descriptor?: number;
  /** What counts for metrics, for those who have the log; default: nobody. */
  readonly meters?: Meters | null;
  /** What takes spans, likewise; default: nobody. */
  readonly tracer?: Tracer | null;
}

export interface Log extends Telemetry {
  readonly logger: Logger;
  /** Where whoever wants to hear of incidents attaches. */
  readonly incidents: IncidentHub;
  /** Lines that were lost because the log cannot be written. */
  readonly dropped?: number;
  /** Takes over what another process has logged: whole lines of JSON. */
  lines(text: string): void;
  flush(): void;
  close(): void;
  /**
   * Prepares other options: the file is opened, so that what is wrong with it is known.
   * @throws {ConfigError} as `openLog`; everything stays as it was
   */
  prepare(options: LogOptions): PreparedLog;
}

/** Exactly one of the two is called. */
export interface PreparedLog {
  /** Writes there from now on; a file of the same name is opened anew, for whoever has moved it away. */
  apply(): void;
  discard(): void;
}

const MAX_UNWRITTEN = 16 * 1024 * 1024; // bytes; beyond it lines are dropped: a full disk must not fill the memory
const BATCHED = { sync: false, minLength: 4096, maxLength: MAX_UNWRITTEN };

let linesDropped = 0; // by all logs of this process
let lineStart = ''; // of lines on the terminal, of which a process has one

/** Whether what stands in the last line of the terminal is there to be written over, see live-line.ts. */
export function writeOverLastLine(wanted: boolean): void {
  lineStart = wanted ? OVERWRITE_LINE : '';
}

/**
 * Opens the log.
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE` when the file cannot be written
 */
export function openLog(options: LogOptions): Log {
  let output = openOutput(options.file, options.descriptor);
  const timer = setInterval(() => output.destination.flush(), 250).unref();
  const logger = pino(
    {
      level: options.level,
      base: options.descriptor === undefined ? null : { worker: process.pid },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ['*.authorization', '*.cookie', '*.password', '*.token'], censor: '[redacted]' },
    },
    { write: (line: string) => output.stream.write(line) },
  );
  const paint = colours(process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined);
  let records = logger.isLevelEnabled('info');
  return {
    logger,
    incidents: new IncidentHub(),
    meters: options.meters ?? null,
    tracer: options.tracer ?? null,
    get records() {
      return records;
    },
    get dropped() {
      return linesDropped;
    },
    proxy: (record: ProxyRecord) => {
      if (output.onTerminal) output.destination.write(lineStart + formatProxyRecord(record, paint));
      else logger.info({ kind: 'proxy', ...rounded(record) });
    },
    gateway: (record: GatewayRecord) => {
      if (!output.onTerminal) logger.info({ kind: 'gateway', ...rounded(record) });
    },
    event: (level, message, fields) => logger[level](fields, message),
    lines: (text) => {
      if (!output.onTerminal) return void output.destination.write(text);
      for (const line of text.trimEnd().split('\n')) {
        if (!line.includes('"kind":"gateway"')) output.stream.write(line);
      }
    },
    flush: () => output.destination.flush(),
    close: () => {
      clearInterval(timer);
      flushed(output);
    },
    prepare: ({ level, file }) => {
      const next = file === null && output.file === null ? output : openOutput(file);
      return {
        apply: () => {
          logger.level = level;
          records = logger.isLevelEnabled('info');
          if (next === output) return;
          flushed(output);
          if (output.file !== null) output.destination.end();
          output = next;
        },
        discard: () => {
          if (next !== output) next.destination.end();
        },
      };
    },
  };
}

interface Output {
  /** Null: standard output. */
  readonly file: string | null;
  readonly onTerminal: boolean;
  readonly destination: ReturnType<typeof pino.destination>;
  /** Takes lines of JSON. */
  readonly stream: DestinationStream;
}

/** @throws {ConfigError} `ERR_CONFIG_UNREADABLE` when the file cannot be written */
function openOutput(file: string | null, descriptor?: number): Output {
  const onTerminal = file === null && descriptor === undefined && process.stdout.isTTY === true;
  const destination = file === null ? pino.destination({ fd: descriptor ?? 1, ...BATCHED }) : openFile(file);
  destination.on('drop', () => linesDropped++);
  destination.on('error', () => {}); // a closed pipe ends the log, not the proxy
  const flushSync = destination.flushSync.bind(destination);
  destination.flushSync = () => once(flushSync); // also called when the process exits
  return { file, onTerminal, destination, stream: onTerminal ? terminalStream(destination) : destination };
}

function flushed({ destination }: Output): void {
  try {
    destination.flushSync();
  } catch {
    // nothing was ever written, or the pipe is closed
  }
}

/**
 * Flushes without endless repetition: the library tries again for ever where writing fails for good (a
 * closed pipe, a full disk), and the process would never end. Here what is left is lost then.
 */
function once(flushSync: () => void): void {
  const { writeSync } = fs;
  const write = (descriptor: number, data: string | Buffer): number => {
    try {
      return typeof data === 'string' ? writeSync(descriptor, data) : writeSync(descriptor, data);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') throw error;
      return Buffer.byteLength(data);
    }
  };
  fs.writeSync = write as typeof writeSync; // nothing else runs meanwhile: all of it is synchronous
  try {
    flushSync();
  } finally {
    fs.writeSync = writeSync;
  }
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
  return pino.destination({ dest: path, append: true, ...BATCHED });
}

/** Events on a terminal: `warn  message` instead of JSON. */
function terminalStream(destination: { write(text: string): void }): DestinationStream {
  return {
    write(line: string) {
      const { level, msg } = JSON.parse(line) as { level: string; msg?: string };
      destination.write(`${lineStart}${level.padEnd(5)} ${msg ?? line}\n`);
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
