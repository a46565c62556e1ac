// `weir icap respmod`: shows a server a response with a file as its body, and what it makes of it.

import type { Command } from 'commander';
import { ConfigError } from '../../errors.ts';
import { type CommandContext, examples } from '../context.ts';
import { type AdaptationOptions, runAdaptation, withAdaptationOptions } from './adaptation-command.ts';
import { responseOf } from './http-message.ts';

export function addRespmodCommand(icap: Command, context: CommandContext): void {
  const command = icap
    .command('respmod')
    .description('send a response: 200 with --file')
    .argument('<icap-url>', 'icap://host[:1344]/service or icaps://host[:11344]/service');
  withAdaptationOptions(command, 'GET')
    .addHelpText(
      'after',
      examples(
        'weir icap respmod icap://127.0.0.1:1344/sandblast --file setup.exe',
        'curl -s https://example.com/ | weir icap respmod icap://127.0.0.1:1344/sandblast --file - --expect pass',
      ),
    )
    .action(async (url: string, options: AdaptationOptions) => {
      if (options.file === undefined) {
        throw new ConfigError(
          'ERR_CONFIG_VALUE',
          'respmod needs a body: --file setup.exe, or --file - for standard input',
        );
      }
      context.exitCode = await runAdaptation('RESPMOD', url, options, context.terminal, (body) =>
        responseOf(options, body?.size ?? 0),
      );
    });
}
