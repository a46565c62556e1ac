// What every `weir ca` command needs first: the folder of the CA and the passphrase of its key, from flags or
// from the configuration.

import path from 'node:path';
import type { Command } from 'commander';
import { readPassphrase } from '../app/ca-part.ts';
import { loadConfig } from '../config/load.ts';
import { type ConfigOption, configOption, configSource } from './context.ts';
import type { Terminal } from './terminal.ts';

export interface CaOptions extends ConfigOption {
  readonly certs?: string;
  readonly passphraseFile?: string;
  readonly json?: true;
}

export interface CaPlace {
  readonly folder: string;
  /** Of ca.key; null: none. */
  readonly passphrase: string | null;
}

export function withFolder(command: Command): Command {
  return command
    .addOption(configOption())
    .option('--certs <folder>', 'folder of the CA (default: proxy.certs of the configuration)')
    .option(
      '--passphrase-file <file>',
      'file with the passphrase of ca.key (default: proxy.ca.passphraseFile, else WEIR_CA_PASSPHRASE)',
    );
}

/** @throws {WeirError} `ERR_CONFIG_…`: the configuration, or the file of the passphrase */
export async function caPlace(options: CaOptions, terminal: Terminal): Promise<CaPlace> {
  const absolute = (file: string): string => path.resolve(terminal.cwd, file);
  const given = options.passphraseFile === undefined ? null : absolute(options.passphraseFile);
  if (options.certs !== undefined && options.config === undefined) {
    return { folder: absolute(options.certs), passphrase: await readPassphrase(given, process.env) };
  }
  const { proxy } = (await loadConfig(configSource(options, terminal))).config;
  return {
    folder: options.certs === undefined ? proxy.certs : absolute(options.certs),
    passphrase: await readPassphrase(given ?? proxy.ca.passphraseFile, process.env),
  };
}
