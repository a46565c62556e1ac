// `weir icap reqmod`: shows a server a request, and what it makes of it.

import type { Command } from 'commander';
import { type CommandContext, examples } from '../context.ts';
import { type AdaptationOptions, runAdaptation, withAdaptationOptions } from './adaptation-command.ts';
import { requestOf } from './http-message.ts';

export function addReqmodCommand(icap: Command, context: CommandContext): void {
  const command = icap
    .command('reqmod')
    .description('send a request: a GET of --url, or a POST of --file')
    .argument('<icap-url>', 'icap://host[:1344]/service or icaps://host[:11344]/service');
  withAdaptationOptions(command, 'GET, with a file POST')
    .addHelpText(
      'after',
      examples(
        'weir icap reqmod icap://127.0.0.1:1344/sandblast --url https://example.com/',
        'weir icap reqmod icap://127.0.0.1:1344/sandblast --file report.docx --preview 1024 --raw',
      ),
    )
    .action(async (url: string, options: AdaptationOptions) => {
      context.exitCode = await runAdaptation('REQMOD', url, options, context.terminal, (body) =>
        requestOf(options, body?.size ?? null),
      );
    });
}
