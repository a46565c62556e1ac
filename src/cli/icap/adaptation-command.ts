// What `weir icap reqmod` and `respmod` share: options, one exchange with the body streamed from and to
// files, and the report of it.

import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { type Command, Option } from 'commander';
import { ConfigError } from '../../errors.ts';
import type { RawHeaders } from '../../icap/codec/fields.ts';
import { fileBody, type ProbeBody, streamBody } from '../../icap/probe/body-source.ts';
import { probeMessage, type ProbeMessage } from '../../icap/probe/exchange.ts';
import { parseIcapUrl, targetUrl } from '../../icap/probe/wire-client.ts';
import { EXIT_FAILED, EXIT_OK } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';
import { type Adapted, adaptationJson, adaptationLines } from './adaptation-report.ts';
import {
  connectProbe,
  type ConnectionOptions,
  headerOption,
  sizeOption,
  withConnectionOptions,
} from './connection-options.ts';
import type { HttpHeads, MessageOptions } from './http-message.ts';
import { openOutput, type OutputFile } from './output-file.ts';
import { reporting } from './report.ts';
import { verdictOf } from './verdict.ts';

const MAX_PREVIEW = 1024 * 1024; // bytes; held in memory
const MAX_STDIN = 4 * 1024 ** 3; // bytes kept in a temporary file
const HASH_PIECE = 256 * 1024; // bytes

export interface AdaptationOptions extends ConnectionOptions, MessageOptions {
  readonly preview?: number;
  /** Commander's name for `--no-204`. */
  readonly '204': boolean;
  readonly allow206?: true;
  readonly trailers?: true;
  readonly clientIp?: string;
  readonly user?: string;
  readonly out?: string;
  readonly expect?: 'pass' | 'block' | 'modify';
}

/** @param defaultMethod  HTTP method, for the help */
export function withAdaptationOptions(command: Command, defaultMethod: string): Command {
  command
    .option('--file <file>', 'body to send; - is standard input')
    .option('--url <url>', 'URL of the HTTP request')
    .option('--method <method>', `HTTP method (default: ${defaultMethod})`)
    .addOption(headerOption('--header <field>', "HTTP field 'Name: value' to add; may be repeated"))
    .addOption(sizeOption('--preview <bytes>', 'send this much first and wait (RFC 3507 4.5)', MAX_PREVIEW))
    .option('--no-204', 'do not allow "204 not modified"')
    .option('--allow-206', 'allow "206 the rest is as it was"')
    .option('--trailers', 'allow ICAP trailers')
    .option('--client-ip <address>', 'send X-Client-IP')
    .option('--user <name>', 'send X-Authenticated-User')
    .option('--out <file>', 'write the adapted body to a file')
    .addOption(
      new Option('--expect <verdict>', 'exit with 1 unless the verdict is this').choices([
        'pass',
        'block',
        'modify',
      ]),
    );
  return withConnectionOptions(command);
}

/** Runs the command; resolves with its exit code. */
export async function runAdaptation(
  method: 'REQMOD' | 'RESPMOD',
  url: string,
  options: AdaptationOptions,
  terminal: Terminal,
  headsFor: (body: ProbeBody | null) => HttpHeads,
): Promise<number> {
  const target = parseIcapUrl(url);
  const icapFields = identityFields(options);
  return await reporting(options, terminal, { url: targetUrl(target), method }, async (report) => {
    const body = await bodyOf(options.file, terminal);
    let out: OutputFile | null = null;
    try {
      const { requestHeader, responseHeader } = headsFor(body);
      const preview = options.preview ?? null;
      const message: ProbeMessage = {
        ...{ method, icapFields, requestHeader, responseHeader, body, preview, allow: allowances(options) },
      };
      const client = await connectProbe(target, options, terminal.cwd);
      report.watch(client);
      out = options.out === undefined ? null : await openOutput(path.resolve(terminal.cwd, options.out));
      const hash = createHash('sha256');
      const outcome = await probeMessage(client, target, message, async (piece) => {
        hash.update(piece);
        await out?.write(piece);
      });
      const sha256 = hash.digest('hex');
      const bodyChanged = await differs(body, outcome.resultBytes, sha256);
      const verdict = verdictOf(outcome, message, bodyChanged);
      if (verdict.kind !== 'fail') await out?.finish();
      const adapted: Adapted = { client, message, outcome, verdict, sha256, out: options.out ?? null };
      if (options.json === true) report.json(adaptationJson(adapted, options.expect ?? null));
      else report.lines(adaptationLines(adapted, terminal));
      return exitCodeFor(adapted, options, terminal);
    } finally {
      await out?.discard();
      await body?.close();
    }
  });
}

function exitCodeFor({ verdict }: Adapted, { expect, json }: AdaptationOptions, terminal: Terminal): number {
  if (verdict.kind === 'fail') return EXIT_FAILED;
  if (expect === undefined || expect === verdict.kind) return EXIT_OK;
  if (json !== true) terminal.stderr.write(`weir: expected ${expect}, the verdict is ${verdict.kind}\n`);
  return EXIT_FAILED;
}

async function bodyOf(file: string | undefined, { stdin, cwd }: Terminal): Promise<ProbeBody | null> {
  if (file === undefined) return null;
  if (file === '-') return await streamBody((stdin ?? process.stdin) as Readable, MAX_STDIN);
  return await fileBody(path.resolve(cwd, file), MAX_STDIN);
}

function allowances(options: AdaptationOptions): string[] {
  const allow = options['204'] ? ['204'] : [];
  if (options.allow206 === true) allow.push('206');
  if (options.trailers === true) allow.push('trailers');
  return allow;
}

const OPTION_FOR: Readonly<Record<string, string>> = {
  allow: '--no-204, --allow-206 or --trailers',
  preview: '--preview',
  encapsulated: '--file, which decides the parts',
};

/** Identity fields (V-50, V-52) and those given. */
function identityFields({ clientIp, user, icapHeader = [] }: AdaptationOptions): RawHeaders {
  const fields: RawHeaders = [];
  if (clientIp !== undefined) {
    if (isIP(clientIp) === 0) {
      throw new ConfigError('ERR_CONFIG_VALUE', `--client-ip: expected an IP address, got '${clientIp}'`);
    }
    fields.push('X-Client-IP', clientIp);
  }
  if (user !== undefined) {
    const uri = user.includes('://') ? user : `Local://${user}`;
    fields.push('X-Authenticated-User', Buffer.from(uri, 'utf8').toString('base64'));
  }
  for (let i = 0; i < icapHeader.length; i += 2) {
    const name = icapHeader[i]!.toLowerCase();
    if (Object.hasOwn(OPTION_FOR, name)) {
      throw new ConfigError(
        'ERR_CONFIG_VALUE',
        `--icap-header: ${icapHeader[i]!} is set by ${OPTION_FOR[name]!}`,
      );
    }
  }
  return [...fields, ...icapHeader];
}

/** Whether the adapted body is other than the original, of which only a part may have been sent. */
async function differs(body: ProbeBody | null, resultBytes: number, sha256: string): Promise<boolean> {
  if ((body?.size ?? 0) !== resultBytes) return true;
  if (body === null) return false;
  const hash = createHash('sha256');
  for (let at = 0; at < body.size; at += HASH_PIECE) hash.update(await body.read(at, HASH_PIECE));
  return hash.digest('hex') !== sha256;
}
