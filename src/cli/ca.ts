// `weir ca`: the CA that clients must trust. Here are `init`, `show` and `export`; only `init` creates one, the
// others say so when there is none. The private key leaves the folder in a PKCS#12 file only.

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Command, Option } from 'commander';
import { readPassphrase } from '../app/ca-part.ts';
import { CertificateAuthority } from '../ca/authority.ts';
import { exportDer, exportPkcs12 } from '../ca/export.ts';
import { parsePermitted } from '../ca/name-constraints.ts';
import type { CaKeyType } from '../ca/root.ts';
import { ConfigError, messageOf } from '../errors.ts';
import { caPlace, withFolder } from './ca-folder.ts';
import type { CaOptions } from './ca-folder.ts';
import { addCaImport } from './ca-import.ts';
import { addCaRotate } from './ca-rotate.ts';
import { addCaTrust } from './ca-trust.ts';
import { showCa } from './ca-show.ts';
import { type CommandContext, examples } from './context.ts';
import { EXIT_FAILED, EXIT_USAGE } from './exit-codes.ts';
import { shortPath } from './shell.ts';
import type { Terminal } from './terminal.ts';

type ExportFormat = 'pem' | 'der' | 'p12';

interface ExportOptions extends CaOptions {
  readonly format: ExportFormat;
  readonly out?: string;
  readonly outPassphraseFile?: string;
}

export function addCaCommand(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const ca = program
    .command('ca')
    .description(
      'create, show, export, import or change the certificate authority, and let this machine trust it',
    )
    .helpCommand(false)
    .addHelpText('after', examples('weir ca init', 'weir ca export --format der --out weir-ca.cer'));

  withFolder(ca.command('init').description('create the CA unless there is one'))
    .addOption(new Option('--key-type <type>', 'kind of key').choices(['ec', 'rsa']).default('ec'))
    .option(
      '--permit <names...>',
      'domains and networks that it may certify; clients accept no others (default: all)',
    )
    .option('--json', 'print what `show --json` prints, and whether it was created')
    .addHelpText(
      'after',
      examples('weir ca init --certs certs', 'weir ca init --permit example.com 10.0.0.0/8'),
    )
    .action(async (options: CaOptions & { keyType: CaKeyType; permit?: string[] }) => {
      const { folder, passphrase } = await caPlace(options, terminal);
      const { ca: authority, created } = await CertificateAuthority.loadOrCreate(folder, {
        keyType: options.keyType,
        passphrase,
        permitted: options.permit === undefined ? null : parsePermitted(options.permit),
      });
      if (options.json !== true)
        terminal.stdout.write(created ? 'CA created\n' : 'CA exists already, kept\n');
      await showCa(folder, authority, options.json === true ? { created } : null, terminal);
    });

  withFolder(ca.command('show').description('print subject, validity and fingerprint'))
    .option('--json', 'print {subject, fingerprint, keyType, notBefore, notAfter, path, …}')
    .addHelpText('after', examples('weir ca show --json'))
    .action(async (options: CaOptions) => {
      const { folder, passphrase } = await caPlace(options, terminal);
      const authority = await CertificateAuthority.load(folder, { passphrase });
      await showCa(folder, authority, options.json === true ? {} : null, terminal);
    });

  withFolder(
    ca.command('export').description('write the certificate for a trust store, or with its key as PKCS#12'),
  )
    .addOption(
      new Option('--format <format>', 'pem, also of the CAs before and after; der; p12 with the private key')
        .choices(['pem', 'der', 'p12'])
        .default('pem'),
    )
    .option('-o, --out <file>', 'write to a file (default: standard output)')
    .option('--out-passphrase-file <file>', 'file with the passphrase of the p12 file')
    .addHelpText('after', examples('weir ca export --format der --out weir-ca.cer'))
    .action(async (options: ExportOptions) => {
      const { folder, passphrase } = await caPlace(options, terminal);
      const authority = await CertificateAuthority.load(folder, { passphrase });
      context.exitCode = await output(await exported(authority, options, terminal), options, terminal);
    });

  addCaImport(ca, context);
  addCaRotate(ca, context);
  addCaTrust(ca, context);
}

/** @throws {ConfigError} `ERR_CONFIG_VALUE`: p12 without a passphrase or a file */
async function exported(
  authority: CertificateAuthority,
  { format, out, outPassphraseFile }: ExportOptions,
  terminal: Terminal,
): Promise<Buffer> {
  if (format === 'der') return exportDer(authority);
  if (format === 'pem') return Buffer.from(authority.trustPem);
  if (outPassphraseFile === undefined || out === undefined) {
    const message = 'a p12 file holds the private key: give --out, and --out-passphrase-file to protect it';
    throw new ConfigError('ERR_CONFIG_VALUE', message);
  }
  const passphrase = await readPassphrase(path.resolve(terminal.cwd, outPassphraseFile), {});
  return exportPkcs12(authority, passphrase ?? '');
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
    await writeFile(file, bytes, { mode: format === 'p12' ? 0o600 : 0o644 });
  } catch (error) {
    terminal.stderr.write(`weir: cannot write ${out}: ${messageOf(error)}\n`);
    return EXIT_FAILED;
  }
  terminal.stdout.write(`wrote ${shortPath(file, terminal.cwd)}\n`);
  return 0;
}
