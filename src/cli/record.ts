// `weir record`: `weir start` that writes every transaction into a file, for `weir replay`. What is copied is
// src/capture; this says where to, how much, and what came of it.

import path from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import { RecordingWriter } from '../capture/recording-writer.ts';
import { type CommandContext, configOption, examples } from './context.ts';
import { sizeText } from './icap/text.ts';
import { dashboardListenOption, gatewayListenOption, proxyListenOption } from './overrides.ts';
import { serve, type ServeOptions } from './serve.ts';
import { sizeOption } from './size-option.ts';
import { packageVersion } from './version.ts';

interface RecordOptions extends ServeOptions {
  readonly bodies: number;
  readonly max: number;
  readonly secrets?: true;
  readonly force?: true;
}

const MiB = 1024 * 1024;

export function addRecordCommand(program: Command, context: CommandContext): void {
  program
    .command('record')
    .description('run as `weir start` does, and keep every transaction in a file for `weir replay`')
    .argument('<file>', 'to write; by custom it ends in .weir')
    .addOption(configOption())
    .addOption(proxyListenOption())
    .addOption(gatewayListenOption())
    .addOption(dashboardListenOption())
    .addOption(
      new Option('--bodies <size>', 'of each body that is kept')
        .argParser(sizeOption)
        .default(16 * MiB, '16MiB'),
    )
    .addOption(new Option('--max <size>', 'of the file').argParser(sizeOption).default(1024 * MiB, '1GiB'))
    .option('--secrets', 'keep cookies, tokens and passwords of header fields; they are left out otherwise')
    .option('--force', 'overwrite the file')
    .addHelpText(
      'after',
      `${examples('weir record monday.weir', 'weir record monday.weir --config my.yaml --bodies 1MiB')}

The file holds what people have read and sent, decrypted. It gets mode 0600; keep it so.`,
    )
    .action(async (file: string, options: RecordOptions) => {
      context.exitCode = await record(file, options, context);
    });
}

async function record(file: string, options: RecordOptions, { terminal }: CommandContext): Promise<number> {
  let writer: RecordingWriter | null = null;
  const { stderr, cwd } = terminal;
  const exitCode = await serve({ proxy: true, gateway: true }, options, terminal, {
    prepare: async (config) => {
      writer = await RecordingWriter.create(
        path.resolve(cwd, file),
        {
          by: `weir ${packageVersion()}`,
          bodyBytes: options.bodies,
          fileBytes: options.max,
          spool: { memoryBytes: 64 * 1024, folder: config.adaptation.spool.folder },
          secrets: options.secrets === true,
          onFailure: (error) => stderr.write(`weir: recording has ended: ${error.message}\n`),
        },
        options.force === true,
      );
      stderr.write(`weir: recording into ${file}${options.secrets === true ? ', secrets included' : ''}\n`);
      return { captures: writer };
    },
    stopped: async () => {
      await writer!.close();
      stderr.write(`weir: ${summary(writer!, file)}\n`);
    },
  });
  return exitCode;
}

function summary({ written, leftOut, size }: RecordingWriter, file: string): string {
  const what = `${written} ${written === 1 ? 'transaction' : 'transactions'} in ${file}, ${sizeText(size)}`;
  return leftOut === 0 ? what : `${what}; ${leftOut} left out (see --max)`;
}
