// `weir ca import`: takes over a CA that somebody else has made, as PEM files or as PKCS#12, root or
// intermediate. What it must be is examined before anything is written.

import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { readPassphrase } from '../app/ca-part.ts';
import { CertificateAuthority } from '../ca/authority.ts';
import type { CaPems } from '../ca/files.ts';
import { isPkcs12, readPkcs12 } from '../ca/pkcs12.ts';
import { messageOf, TlsError } from '../errors.ts';
import { caPlace, withFolder } from './ca-folder.ts';
import type { CaOptions } from './ca-folder.ts';
import { showCa } from './ca-show.ts';
import { type CommandContext, examples } from './context.ts';

const MAX_INPUT = 1024 * 1024; // bytes

interface ImportOptions extends CaOptions {
  readonly chain?: string;
  readonly inputPassphraseFile?: string;
  readonly replace?: true;
}

export function addCaImport(ca: Command, { terminal }: CommandContext): void {
  const command = ca
    .command('import')
    .description('take over a CA of your own, also an intermediate below a company root')
    .argument('<certificate>', 'PEM file with the CA certificate, or PKCS#12 file with certificates and key')
    .argument('[key]', 'PEM file with its private key; not for PKCS#12');
  withFolder(command)
    .option('--chain <file>', 'PEM file with the certificates above an intermediate, in order')
    .option('--input-passphrase-file <file>', 'file with the passphrase of the key, or of the PKCS#12 file')
    .option('--replace', 'take the place of another CA, which clients go on trusting by ca.pem')
    .option('--json', 'print what `show --json` prints')
    .addHelpText(
      'after',
      [
        examples(
          'weir ca import company-ca.pem company-ca.key',
          'weir ca import intermediate.p12 --input-passphrase-file passphrase --replace',
        ),
      ].join(''),
    )
    .action(async (certificate: string, key: string | undefined, options: ImportOptions) => {
      const { folder, passphrase } = await caPlace(options, terminal);
      const { inputPassphraseFile: file } = options;
      const inputPassphrase =
        file === undefined ? null : await readPassphrase(path.resolve(terminal.cwd, file), {});
      const pems = await readInput(certificate, key, inputPassphrase, options.chain, terminal.cwd);
      const authority = await CertificateAuthority.import(folder, pems, {
        passphrase,
        inputPassphrase,
        replace: options.replace === true,
      });
      if (options.json !== true) terminal.stdout.write('CA imported\n');
      await showCa(folder, authority, options.json === true ? {} : null, terminal);
    });
}

async function readInput(
  certificate: string,
  key: string | undefined,
  passphrase: string | null,
  chain: string | undefined,
  cwd: string,
): Promise<CaPems> {
  const bytes = await read(certificate, cwd);
  const above = chain === undefined ? '' : (await read(chain, cwd)).toString('latin1');
  if (isPkcs12(bytes)) {
    if (key !== undefined)
      throw usage(`${certificate} is a PKCS#12 file, which has its key in it: leave ${key} out`);
    const pems = readPkcs12(bytes, passphrase, certificate);
    return { ...pems, certificatePem: pems.certificatePem + above };
  }
  if (key === undefined) throw usage(`name the file with the private key of ${certificate} behind it`);
  const keyPem = (await read(key, cwd)).toString('latin1');
  return { certificatePem: `${bytes.toString('latin1')}\n${above}`, keyPem };
}

async function read(file: string, cwd: string): Promise<Buffer> {
  const full = path.resolve(cwd, file);
  try {
    const { size } = await stat(full);
    if (size > MAX_INPUT) throw usage(`${file} has ${size} bytes: that is no certificate or key`);
    return await readFile(full);
  } catch (error) {
    if (error instanceof TlsError) throw error;
    throw new TlsError(
      'ERR_CA_UNREADABLE',
      `cannot read ${file}: ${messageOf(error)}`,
      { path: file },
      error,
    );
  }
}

function usage(message: string): TlsError {
  return new TlsError('ERR_CA_INVALID', message);
}
