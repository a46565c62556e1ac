// The flags of `weir icap bench`: what they may be, and what of it may be done to another machine without
// a word of consent. Opens nothing; names are looked up by bench.ts.

import { isIPv6 } from 'node:net';
import { stat, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseUrl } from '../../config/addresses.ts';
import { formatDuration, formatSize } from '../../config/units.ts';
import { duration, type Kind, oneOf, size, whole } from '../../config/values.ts';
import { ConfigError, isWeirError, messageOf } from '../../errors.ts';
import type { RawHeaders } from '../../icap/codec/fields.ts';
import { sampleBody } from '../../icap/load/message.ts';
import { parseIcapUrl, type ProbeTarget } from '../../icap/probe/target.ts';
import type { ProbeTls } from '../../icap/probe/wire-client.ts';
import { probeOptionsOf } from './connection-options.ts';

const KIB = 1024;
const SECOND = 1000; // ms
const MAX_BODY = 256 * KIB * KIB; // bytes: it is held in memory
const DEFAULT_BODY = 64 * KIB; // bytes of a RESPMOD body
const DEFAULT_DURATION = 10 * SECOND;
const DURATION_OF_REQUESTS = 60 * SECOND; // with --requests alone
const TEXT = 'text/plain; charset=us-ascii';

/** What another machine gets without --yes. */
export const POLITE = { connections: 64, durationMs: 10 * SECOND, rate: 1000 } as const;

/** As commander delivers them. */
export interface BenchFlags {
  readonly connections: string;
  readonly rate?: string;
  readonly duration?: string;
  readonly requests?: string;
  readonly warmup?: string;
  readonly method: string;
  readonly size?: string;
  readonly file?: string;
  readonly url: string;
  readonly preview: string;
  /** False by `--no-204`. */
  readonly 204: boolean;
  readonly allow206?: true;
  readonly header?: RawHeaders;
  readonly icapHeader?: RawHeaders;
  readonly expect?: string;
  readonly sameBody?: true;
  readonly timeout: string;
  readonly ca?: string;
  readonly insecure?: true;
  readonly cert?: string;
  readonly key?: string;
  readonly yes?: true;
  readonly json?: true;
}

export interface BenchSettings {
  readonly target: ProbeTarget;
  readonly method: 'OPTIONS' | 'REQMOD' | 'RESPMOD';
  readonly connections: number;
  /** Exchanges a second; null: a closed loop. */
  readonly rate: number | null;
  readonly durationMs: number;
  /** Null: only the duration ends the run. */
  readonly requests: number | null;
  readonly warmupMs: number;
  readonly url: string;
  readonly body: Buffer | null;
  readonly contentType: string;
  /** Bytes to offer; `auto`: what OPTIONS says; null: none. */
  readonly preview: number | 'auto' | null;
  readonly allow204: boolean;
  readonly allow206: boolean;
  readonly httpHeaders: RawHeaders;
  readonly icapHeaders: RawHeaders;
  /** Null: whatever the request makes legal. */
  readonly statuses: readonly number[] | null;
  readonly sameBody: boolean;
  readonly timeoutMs: number;
  readonly tls: ProbeTls;
}

/**
 * Reads the flags and the files that they name.
 *
 * @param loopback  the target is this machine
 * @throws {ConfigError} `ERR_CONFIG_VALUE`, `ERR_CONFIG_UNREADABLE`, naming the flag
 */
export async function benchSettings(
  url: string,
  flags: BenchFlags,
  loopback: boolean,
  cwd: string,
): Promise<BenchSettings> {
  const timeoutMs = named('--timeout', duration(1, 600 * SECOND), flags.timeout);
  const method = named('--method', oneOf('options', 'reqmod', 'respmod'), flags.method.toLowerCase());
  const requests = optional('--requests', number(1, 1e9), flags.requests);
  const unlimited = loopback || flags.yes === true;
  const untilRequests = unlimited ? DURATION_OF_REQUESTS : POLITE.durationMs;
  const settings: BenchSettings = {
    target: parseIcapUrl(url),
    method: method.toUpperCase() as BenchSettings['method'],
    connections: named('--connections', number(1, 1024), flags.connections),
    rate: optional('--rate', number(1, 100_000), flags.rate),
    durationMs:
      optional('--duration', duration(1, 3600 * SECOND), flags.duration) ??
      (requests === null ? DEFAULT_DURATION : untilRequests),
    requests,
    warmupMs:
      optional('--warmup', duration(0, 600 * SECOND), flags.warmup) ?? (requests === null ? SECOND : 0),
    url: attempt('--url', () => parseUrl(['http:', 'https:'], flags.url)),
    ...(await bodyOf(flags, method, cwd)),
    preview: previewOf(flags.preview),
    allow204: flags[204],
    allow206: flags.allow206 === true,
    httpHeaders: flags.header ?? [],
    icapHeaders: flags.icapHeader ?? [],
    statuses: flags.expect === undefined ? null : statusesOf(flags.expect),
    sameBody: flags.sameBody === true,
    timeoutMs,
    tls: (await probeOptionsOf({ ...flags, timeout: timeoutMs }, cwd)).tls ?? {},
  };
  if (!unlimited) requirePolite(settings);
  return settings;
}

/** True for an address of the loopback interface. */
export function isLoopback(address: string): boolean {
  return isIPv6(address) ? /^(?:::1|::ffff:127\..*)$/.test(address) : address.startsWith('127.');
}

function requirePolite({ target, connections, durationMs, warmupMs, rate }: BenchSettings): void {
  const asked = [
    ...(connections > POLITE.connections ? [`${connections} connections`] : []),
    ...(durationMs > POLITE.durationMs ? [`${formatDuration(durationMs)} of load`] : []),
    ...(warmupMs > POLITE.durationMs ? [`${formatDuration(warmupMs)} of warm-up`] : []),
    ...(rate !== null && rate > POLITE.rate ? [`${rate} exchanges a second`] : []),
  ];
  if (asked.length === 0) return;
  const limits = `${POLITE.connections} connections, ${formatDuration(POLITE.durationMs)} and a rate of ${POLITE.rate}`;
  throw new ConfigError(
    'ERR_CONFIG_VALUE',
    `${asked.join(', ')} against ${target.host}, which is another machine: add --yes if you may load it (up to ${limits} need none)`,
    { host: target.host },
  );
}

async function bodyOf(
  { size: bytes, file }: BenchFlags,
  method: string,
  cwd: string,
): Promise<Pick<BenchSettings, 'body' | 'contentType'>> {
  if (bytes !== undefined && file !== undefined) throw wrong('--size and --file exclude each other');
  if (method === 'options') {
    if (bytes === undefined && file === undefined) return { body: null, contentType: TEXT };
    throw wrong(`--${file === undefined ? 'size' : 'file'}: OPTIONS has no body; choose --method respmod`);
  }
  if (file !== undefined) {
    return { body: await fileOf('--file', file, cwd), contentType: 'application/octet-stream' };
  }
  const length = optional('--size', size(0, MAX_BODY), bytes) ?? (method === 'respmod' ? DEFAULT_BODY : null);
  return { body: length === null ? null : sampleBody(length), contentType: TEXT };
}

async function fileOf(flag: string, file: string, cwd: string): Promise<Buffer> {
  const name = path.resolve(cwd, file);
  try {
    const { size: bytes } = await stat(name);
    if (bytes > MAX_BODY) throw wrong(`${flag}: expected up to ${formatSize(MAX_BODY)}, got ${bytes} bytes`);
    return await readFile(name);
  } catch (error) {
    if (isWeirError(error)) throw error;
    const text = `${flag}: cannot read ${file}: ${messageOf(error)}`;
    throw new ConfigError('ERR_CONFIG_UNREADABLE', text, { path: name }, error);
  }
}

function previewOf(text: string): BenchSettings['preview'] {
  if (text === 'auto') return 'auto';
  if (text === 'none') return null;
  const kind = size(0, MAX_BODY);
  return named('--preview', { type: `auto, none or ${kind.type}`, parse: kind.parse }, text);
}

function statusesOf(text: string): number[] {
  return text.split(',').map((word) => named('--expect', number(200, 599), word.trim()));
}

/** A whole number as text. */
function number(min: number, max: number): Kind<number> {
  const kind = whole(min, max);
  return {
    type: kind.type,
    parse: (input) => kind.parse(/^\d+$/.test(String(input)) ? Number(input) : input),
  };
}

function optional<T>(flag: string, kind: Kind<T>, text: string | undefined): T | null {
  return text === undefined ? null : named(flag, kind, text);
}

function named<T>(flag: string, kind: Kind<T>, text: string): T {
  return attempt(flag, () => kind.parse(text));
}

/** Puts the flag in front of what is wrong with its value. */
function attempt<T>(flag: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isWeirError(error)) throw error;
    throw new ConfigError(error.code, `${flag}: ${error.message}`, error.fields, error);
  }
}

const wrong = (text: string): ConfigError => new ConfigError('ERR_CONFIG_VALUE', text);
