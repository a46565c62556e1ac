// The options that every `weir icap` command has: how to reach the server, how long to wait, how to print.
// Their values become a ProbeTarget and ProbeOptions.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Option, type Command } from 'commander';
import { formatDuration, parseDuration, parseSize } from '../../config/units.ts';
import { ConfigError, messageOf } from '../../errors.ts';
import type { RawHeaders } from '../../icap/codec/fields.ts';
import { isToken } from '../../icap/codec/fields.ts';
import { type ProbeOptions, type ProbeTls, WireClient } from '../../icap/probe/wire-client.ts';
import type { ProbeTarget } from '../../icap/probe/wire-client.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_TIMEOUT_MS = 3_600_000;
const MAX_CONNECT_MS = 10_000;
/** Kept of each direction for `--raw`, and of a body that nobody streams. */
const MAX_KEPT_BYTES = 1024 * 1024;

export interface ConnectionOptions {
  readonly timeout: number;
  readonly insecure?: true;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly icapHeader?: RawHeaders;
  readonly raw?: true;
  readonly json?: true;
}

/** Adds `--timeout`, the TLS options, `--icap-header`, `--raw` and `--json`. */
export function withConnectionOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--timeout <duration>', 'silence after which to give up')
        .default(DEFAULT_TIMEOUT_MS, formatDuration(DEFAULT_TIMEOUT_MS))
        .argParser(readTimeout),
    )
    .option('--ca <file>', 'PEM file of the CA that vouches for an icaps server')
    .option('--insecure', 'accept any certificate')
    .option('--cert <file>', 'PEM file of a client certificate, with --key')
    .option('--key <file>', 'PEM file of its key')
    .addOption(headerOption('--icap-header <field>', "ICAP field 'Name: value' to add; may be repeated"))
    .option('--raw', 'print the bytes of both directions')
    .option('--json', 'print one object for programs');
}

/** An option that collects `Name: value` fields as a flat list. */
export function headerOption(flags: string, description: string): Option {
  const name = flags.split(' ', 1)[0]!;
  return new Option(flags, description).argParser((text: string, before: RawHeaders = []) => [
    ...before,
    ...readField(name, text),
  ]);
}

/** Reads a number of bytes, with or without unit. */
export function sizeOption(flags: string, description: string, max: number): Option {
  const name = flags.split(' ', 1)[0]!;
  return new Option(flags, description).argParser((text: string) => {
    const bytes = inOption(name, () => parseSize(text));
    if (bytes > max)
      throw new ConfigError('ERR_CONFIG_VALUE', `${name}: expected 0 to ${max} bytes, got ${text}`);
    return bytes;
  });
}

/** Name and value of `Name: value`, as they may stand on the wire. */
function readField(option: string, text: string): [string, string] {
  const colon = text.indexOf(':');
  const name = text.slice(0, Math.max(0, colon));
  const value = text.slice(colon + 1).trim();
  if (!isToken(name))
    throw new ConfigError('ERR_CONFIG_VALUE', `${option}: expected 'Name: value', got '${text}'`);
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
    throw new ConfigError(
      'ERR_CONFIG_VALUE',
      `${option}: ${name} holds characters that a field may not hold`,
    );
  }
  return [name, value];
}

function readTimeout(text: string): number {
  const duration = inOption('--timeout', () => parseDuration(text));
  if (duration >= 1 && duration <= MAX_TIMEOUT_MS) return duration;
  throw new ConfigError('ERR_CONFIG_VALUE', `--timeout: expected 1ms to 1h, got ${text}`);
}

function inOption<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ConfigError('ERR_CONFIG_VALUE', `${name}: ${messageOf(error)}`, {}, error);
  }
}

/**
 * The parsed options for `WireClient.connect`; reads the PEM files.
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`; `ERR_CONFIG_VALUE` for a certificate without key
 */
export async function probeOptionsOf(options: ConnectionOptions, cwd: string): Promise<ProbeOptions> {
  const { timeout } = options;
  return {
    connectTimeoutMs: Math.min(timeout, MAX_CONNECT_MS),
    readTimeoutMs: timeout,
    maxBytes: MAX_KEPT_BYTES,
    tls: await tlsOf(options, cwd),
  };
}

async function tlsOf({ ca, cert, key, insecure }: ConnectionOptions, cwd: string): Promise<ProbeTls> {
  if ((cert === undefined) !== (key === undefined)) {
    throw new ConfigError('ERR_CONFIG_VALUE', '--cert and --key go together');
  }
  const read = async (file: string): Promise<string> => {
    try {
      return await readFile(path.resolve(cwd, file), 'utf8');
    } catch (error) {
      throw new ConfigError('ERR_CONFIG_UNREADABLE', `cannot read ${file}: ${messageOf(error)}`, {}, error);
    }
  };
  return {
    ...(insecure === true ? { insecure } : {}),
    ...(ca === undefined ? {} : { ca: await read(ca) }),
    ...(cert === undefined ? {} : { cert: await read(cert) }),
    ...(key === undefined ? {} : { key: await read(key) }),
  };
}

/** Connects as the options say. */
export async function connectProbe(
  target: ProbeTarget,
  options: ConnectionOptions,
  cwd: string,
): Promise<WireClient> {
  return await WireClient.connect(target, await probeOptionsOf(options, cwd));
}
