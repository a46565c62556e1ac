// `weir ca init|show|export`: the lab CA that clients must trust. Only `init` creates one; the others
// say so when there is none. The private key is never printed.

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Command, Option } from 'commander';
import { CertificateAuthority } from '../ca/authority.ts';
import { describe, exportDer } from '../ca/export.ts';
import type { CaKeyType } from '../ca/root.ts';
import { loadConfig } from '../config/load.ts';
import { messageOf } from '../errors.ts';
import { type CommandContext, configOption, type ConfigOption, configSource, examples } from './context.ts';
import { EXIT_FAILED, EXIT_USAGE } from './exit-codes.ts';
import { shortPath } from './shell.ts';
import type { Terminal } from './terminal.ts';

interface CaOptions extends ConfigOption {
  readonly certs?: string;
  readonly json?: true;
}

export function addCaCommand(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const ca = program
    .command('ca')
    .description('create, show or export the certificate authority')
    .helpCommand(false)
    .addHelpText('after', examples('weir ca init', 'weir ca export --format der --out weir-ca.cer'));

  withFolder(ca.command('init').description('create the CA unless there is one'))
    .addOption(new Option('--key-type <type>', 'kind of key').choices(['ec', 'rsa']).default('ec'))
    .option('--json', 'print what `show --json` prints, and whether it was created')
    .addHelpText('after', examples('weir ca init --certs certs'))
    .action(async (options: CaOptions & { keyType: CaKeyType }) => {
      const folder = await certsFolder(options, terminal);
      const { ca: authority, created } = await CertificateAuthority.loadOrCreate(folder, options);
      if (options.json !== true)
        terminal.stdout.write(created ? 'CA created\n' : 'CA exists already, kept\n');
      show(authority, options.json === true ? { created } : null, terminal);
    });

  withFolder(ca.command('show').description('print subject, validity and fingerprint'))
    .option('--json', 'print {subject, fingerprint, keyType, notBefore, notAfter, path}')
    .addHelpText('after', examples('weir ca show --json'))
    .action(async (options: CaOptions) => {
      const authority = await CertificateAuthority.load(await certsFolder(options, terminal));
      show(authority, options.json === true ? {} : null, terminal);
    });

  withFolder(ca.command('export').description('write the certificate (never the key) for a trust store'))
    .addOption(new Option('--format <format>', 'encoding').choices(['pem', 'der']).default('pem'))
    .option('-o, --out <file>', 'write to a file (default: standard output)')
    .addHelpText('after', examples('weir ca export --format der --out weir-ca.cer'))
    .action(async (options: CaOptions & { format: 'pem' | 'der'; out?: string }) => {
      const authority = await CertificateAuthority.load(await certsFolder(options, terminal));
      const bytes = options.format === 'der' ? exportDer(authority) : Buffer.from(authority.certificatePem);
      context.exitCode = await output(bytes, options, terminal);
    });
}

function withFolder(command: Command): Command {
  return command
    .addOption(configOption())
    .option('--certs <folder>', 'folder of the CA (default: proxy.certs of the configuration)');
}

async function certsFolder(options: CaOptions, terminal: Terminal): Promise<string> {
  if (options.certs !== undefined) return path.resolve(terminal.cwd, options.certs);
  return (await loadConfig(configSource(options, terminal))).config.proxy.certs;
}

/** @param json  fields to print besides, or null to print lines for people */
function show(authority: CertificateAuthority, json: object | null, terminal: Terminal): void {
  const { subject, fingerprint, keyType, notBefore, notAfter } = describe(authority);
  const file = authority.certificatePath;
  if (json !== null) {
    const facts = { ...json, subject, fingerprint, keyType, notBefore, notAfter, path: file };
    terminal.stdout.write(`${JSON.stringify(facts, null, 2)}\n`);
    return;
  }
  terminal.stdout.write(
    [
      `subject      ${subject}`,
      `key          ${keyType}`,
      `valid        ${notBefore.toISOString().slice(0, 10)} to ${notAfter.toISOString().slice(0, 10)}`,
      `SHA-256      ${fingerprint}`,
      `certificate  ${shortPath(file, terminal.cwd)}`,
      '',
    ].join('\n'),
  );
}

async function output(
  bytes: Buffer,
  { format, out }: { format: string; out?: string },
  terminal: Terminal,
): Promise<number> {
  if (out === undefined) {
    if (format === 'der' && terminal.stdout.isTTY === true) {
      terminal.stderr.write('weir: DER is binary: write it to a file with --out weir-ca.cer\n');
      return EXIT_USAGE;
    }
    terminal.stdout.write(bytes);
    return 0;
  }
  const file = path.resolve(terminal.cwd, out);
  try {
    await writeFile(file, bytes);
  } catch (error) {
    terminal.stderr.write(`weir: cannot write ${out}: ${messageOf(error)}\n`);
    return EXIT_FAILED;
  }
  terminal.stdout.write(`wrote ${shortPath(file, terminal.cwd)}\n`);
  return 0;
}
