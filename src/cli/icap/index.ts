// `weir icap …`: tools for any ICAP server. Each subcommand is a file of its own.

import type { Command } from 'commander';
import { type CommandContext, examples } from '../context.ts';
import { addIcapBenchCommand } from './bench.ts';
import { addDoctorCommand } from './doctor.ts';
import { addOptionsCommand } from './options-command.ts';
import { addReqmodCommand } from './reqmod-command.ts';
import { addRespmodCommand } from './respmod-command.ts';
import { addStatusCommand } from './status.ts';

export function addIcapCommand(program: Command, context: CommandContext): void {
  const icap = program
    .command('icap')
    .description('talk to any ICAP server by hand')
    .helpCommand(false)
    .addHelpText(
      'after',
      examples(
        'weir icap options icap://127.0.0.1:1344/echo',
        'weir icap respmod icap://127.0.0.1:1344/sandblast --file setup.exe',
        'weir icap doctor icap://127.0.0.1:1344/sandblast',
      ),
    );
  addOptionsCommand(icap, context);
  addReqmodCommand(icap, context);
  addRespmodCommand(icap, context);
  addDoctorCommand(icap, context);
  addIcapBenchCommand(icap, context);
  addStatusCommand(icap, context);
}
