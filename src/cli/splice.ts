// `weir splice`: the hosts that pass unread because clients rejected their certificates, listed and removed.
// Works on the file that Weir keeps beside the certificates, while it runs and after it has stopped; a running
// one sees at the next tunnel what was removed.

import path from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import { formatDuration } from '../config/units.ts';
import { ConfigError, messageOf } from '../errors.ts';
import { nameOf, reasonFor } from '../proxy/tls-policy/self-healing.ts';
import type { LearnedSplice } from '../proxy/tls-policy/splice-file.ts';
import { readSplices, spliceFileIn, writeSplices } from '../proxy/tls-policy/splice-file.ts';
import { type CommandContext, configOption, type ConfigOption, configSource, examples } from './context.ts';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.ts';
import { shortPath } from './shell.ts';
import type { Terminal } from './terminal.ts';

interface SpliceOptions extends ConfigOption {
  readonly certs?: string;
  readonly client?: string;
  readonly json?: true;
}

export function addSpliceCommand(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const splice = program
    .command('splice')
    .description('hosts that pass unread because a client rejected their certificate: list, remove')
    .helpCommand(false)
    .addHelpText('after', examples('weir splice list', 'weir splice remove app.example'));

  withPlace(splice.command('list').description('print host, client, how long, and what it was learned from'))
    .option('--json', 'print {file, splices} for programs')
    .addHelpText('after', examples('weir splice list --json'))
    .action(async (options: SpliceOptions) => {
      context.exitCode = list(await fileOf(options, terminal), options, terminal);
    });

  withPlace(splice.command('remove').description('intercept a host again, for all clients or one'))
    .argument('<host>', 'as `weir splice list` prints it')
    .option('--client <address>', 'for this client alone')
    .option('--json', 'print {file, removed} for programs')
    .addHelpText(
      'after',
      examples('weir splice remove app.example', 'weir splice remove app.example --client 192.0.2.7'),
    )
    .action(async (host: string, options: SpliceOptions) => {
      context.exitCode = remove(await fileOf(options, terminal), host, options, terminal);
    });
}

function withPlace(command: Command): Command {
  return command
    .addOption(configOption())
    .option('--certs <folder>', 'folder of the certificates (default: proxy.certs of the configuration)');
}

async function fileOf(options: SpliceOptions, terminal: Terminal): Promise<string> {
  if (options.certs !== undefined) return spliceFileIn(path.resolve(terminal.cwd, options.certs));
  return spliceFileIn((await loadConfig(configSource(options, terminal))).config.proxy.certs);
}

function list(file: string, { json }: SpliceOptions, { stdout, cwd }: Terminal): number {
  const splices = read(file).filter(({ expiresAt }) => expiresAt > Date.now());
  if (json === true) {
    stdout.write(`${JSON.stringify({ file, splices: splices.map(shown) }, null, 2)}\n`);
    return EXIT_OK;
  }
  if (splices.length === 0) stdout.write(`no host is spliced for a client (${shortPath(file, cwd)})\n`);
  for (const splice of splices) {
    const left = formatDuration(Math.max(1, Math.round((splice.expiresAt - Date.now()) / MINUTE)) * MINUTE);
    stdout.write(`${nameOf(splice)}:${splice.port}  for ${left} more: ${reasonFor(splice)}\n`);
  }
  return EXIT_OK;
}

const MINUTE = 60_000; // milliseconds

function remove(file: string, host: string, { client, json }: SpliceOptions, terminal: Terminal): number {
  const wanted = host.toLowerCase().replace(/\.$/, '');
  const splices = read(file);
  const isMeant = (splice: LearnedSplice): boolean =>
    (splice.host === wanted || splice.sni === wanted) && (client === undefined || splice.client === client);
  const removed = splices.filter(isMeant);
  if (removed.length > 0)
    write(
      file,
      splices.filter((splice) => !isMeant(splice)),
    );
  if (json === true) {
    terminal.stdout.write(`${JSON.stringify({ file, removed: removed.map(shown) }, null, 2)}\n`);
  } else if (removed.length > 0) {
    const clients = [...new Set(removed.map((splice) => splice.client))].join(', ');
    terminal.stdout.write(`${wanted} is intercepted again for ${clients}, from the next tunnel on\n`);
  }
  if (removed.length > 0) return EXIT_OK;
  const whose = client === undefined ? '' : ` for client ${client}`;
  terminal.stderr.write(`weir: ${wanted} is not spliced${whose}; weir splice list prints what is\n`);
  return EXIT_FAILED;
}

/** A splice for programs, with times that people can read as well. */
function shown(splice: LearnedSplice): object {
  const { client, user, host, port, sni, learnedAt, expiresAt, evidence } = splice;
  return {
    ...{ host: nameOf(splice), client, user, target: host, port, sni },
    ...{ learned: iso(learnedAt), expires: iso(expiresAt) },
    evidence: evidence.map(({ at, how }) => ({ time: iso(at), how })),
  };
}

const iso = (at: number): string => new Date(at).toISOString();

function read(file: string): LearnedSplice[] {
  try {
    return readSplices(file);
  } catch (error) {
    throw new ConfigError(
      'ERR_CONFIG_UNREADABLE',
      `learned splices: ${messageOf(error)}`,
      { path: file },
      error,
    );
  }
}

function write(file: string, splices: readonly LearnedSplice[]): void {
  try {
    writeSplices(file, splices);
  } catch (error) {
    throw new ConfigError(
      'ERR_CONFIG_UNREADABLE',
      `cannot write ${file}: ${messageOf(error)}`,
      { path: file },
      error,
    );
  }
}
