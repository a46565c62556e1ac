// `weir check`: is the configuration right? Prints each problem with its place, what was found and what
// is allowed. Looks at nothing but the file and the templates of pages: no port is opened, no plugin loaded.

import type { Command } from 'commander';
import { ConfigProblemsError, formatProblems, loadConfig, type LoadedConfig } from '../config/load.ts';
import { loadLook } from '../pages/index.ts';
import { type CommandContext, configOption, type ConfigOption, configSource, examples } from './context.ts';
import { EXIT_USAGE } from './exit-codes.ts';
import { shortPath } from './shell.ts';
import type { Terminal } from './terminal.ts';

interface CheckOptions extends ConfigOption {
  readonly json?: true;
}

export function addCheckCommand(program: Command, context: CommandContext): void {
  program
    .command('check')
    .description('validate a configuration file')
    .addOption(configOption())
    .option('--json', 'print {ok, file, problems, warnings} for programs')
    .addHelpText('after', examples('weir check --config my.yaml'))
    .action(async (options: CheckOptions) => {
      context.exitCode = await check(options, context.terminal);
    });
}

async function check(options: CheckOptions, terminal: Terminal): Promise<number> {
  let loaded: LoadedConfig;
  try {
    loaded = await loadConfig(configSource(options, terminal));
    const { templates } = loaded.config.usercheck;
    if (templates !== null) loadLook(templates);
  } catch (error) {
    if (!(error instanceof ConfigProblemsError) || options.json !== true) throw error;
    const { file, problems } = error;
    terminal.stdout.write(`${JSON.stringify({ ok: false, file, problems, warnings: [] }, null, 2)}\n`);
    return EXIT_USAGE;
  }
  const { file, warnings } = loaded;
  if (options.json === true) {
    terminal.stdout.write(`${JSON.stringify({ ok: true, file, problems: [], warnings }, null, 2)}\n`);
    return 0;
  }
  for (const line of formatProblems(warnings, file)) terminal.stderr.write(`warning: ${line}\n`);
  const what = file === null ? 'no configuration file: the embedded defaults' : shortPath(file, terminal.cwd);
  terminal.stdout.write(`${what}: OK\n`);
  return 0;
}
