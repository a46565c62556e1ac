// The command line: reads the arguments and runs one command. Each command is a file of its own, which
// adds itself to the program and sets the exit code; what fails is told by report-error.ts.

import { Command, CommanderError } from 'commander';
import { addCaCommand } from './ca.ts';
import { addCheckCommand } from './check.ts';
import type { CommandContext } from './context.ts';
import { addDemoCommand } from './demo.ts';
import { EXIT_OK, EXIT_USAGE } from './exit-codes.ts';
import { addGatewayCommand } from './gateway.ts';
import { addIcapCommand } from './icap/index.ts';
import { addPluginsCommand } from './plugins.ts';
import { addProxyCommand } from './proxy.ts';
import { addReportCommand } from './report.ts';
import { reportError } from './report-error.ts';
import { addQuarantineCommand } from './quarantine.ts';
import { addRecordCommand } from './record.ts';
import { addReplayCommand } from './replay.ts';
import { addSpliceCommand } from './splice.ts';
import { addStartCommand } from './start.ts';
import { addSystemProxyCommand } from './system-proxy.ts';
import { processTerminal, type Terminal } from './terminal.ts';
import { packageVersion } from './version.ts';
import { addWhyCommand } from './why.ts';

const DEFAULT_COMMAND = 'start';

const EXAMPLES = `
Examples:
  weir                              proxy and gateway with the embedded defaults
  weir start --config my.yaml       the same with a configuration file
  weir demo                         see it work: a lab on this machine, nothing to set up
  weir check                        is ./weir.yaml right?
  weir <command> --help             what a command takes

Exit codes: 0 fine, 1 failed at run time, 2 wrong usage or configuration.`;

/**
 * Runs one command and resolves with its exit code: 0 fine, 1 failed at run time, 2 wrong usage or
 * configuration. Never rejects. Commands that serve resolve after a signal has stopped them.
 *
 * @param args  without node and script, e.g. `['check', '--config', 'my.yaml']`; none means `start`
 */
export async function run(args: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const context: CommandContext = { terminal, exitCode: EXIT_OK };
  try {
    await createProgram(context).parseAsync(withDefaultCommand(args), { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE; // printed by commander
    return reportError(error, terminal);
  }
}

/** `weir --config x` is `weir start --config x`; options of the program itself are left alone. */
function withDefaultCommand(args: readonly string[]): string[] {
  const first = args[0];
  const asksProgram = first !== undefined && ['-h', '--help', '-V', '--version'].includes(first);
  const namesCommand = first !== undefined && !first.startsWith('-');
  return asksProgram || namesCommand ? [...args] : [DEFAULT_COMMAND, ...args];
}

function createProgram(context: CommandContext): Command {
  const { stdout, stderr } = context.terminal;
  const program = new Command('weir')
    .description(
      'HTTPS-intercepting proxy with an ICAP client, and an ICAP server that scans what it decrypts',
    )
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .usage('[command] [options]')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(add --help for what may be given)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'weir: ')),
      getOutHasColors: () => stdout.isTTY === true,
      getErrHasColors: () => stderr.isTTY === true,
    });
  addStartCommand(program, context);
  addProxyCommand(program, context);
  addGatewayCommand(program, context);
  addDemoCommand(program, context);
  addCheckCommand(program, context);
  addCaCommand(program, context);
  addSystemProxyCommand(program, context);
  addPluginsCommand(program, context);
  addQuarantineCommand(program, context);
  addReportCommand(program, context);
  addIcapCommand(program, context);
  addWhyCommand(program, context);
  addRecordCommand(program, context);
  addReplayCommand(program, context);
  addSpliceCommand(program, context);
  return program;
}
