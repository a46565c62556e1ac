// `weir plugins list` and `new`. `list` loads the plugins of the configuration as a start would, prints what each brings
// and where it lies, and closes them again.

import type { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import type { HostLogger, LoadedPlugin } from '../plugin/loader.ts';
import { type CommandContext, configOption, type ConfigOption, configSource, examples } from './context.ts';
import { shortPath } from './shell.ts';
import type { Terminal } from './terminal.ts';

interface ListOptions extends ConfigOption {
  readonly json?: true;
}

export function addPluginsCommand(program: Command, { terminal }: CommandContext): void {
  const plugins = program
    .command('plugins')
    .description('see which plugins are loaded, or begin one')
    .helpCommand(false)
    .addHelpText('after', examples('weir plugins list'));
  plugins
    .command('list')
    .description('load the configured plugins and print name, version, blades and place')
    .addOption(configOption())
    .option('--json', 'print a list of {name, version, use, file, blades}')
    .addHelpText('after', examples('weir plugins list --config my.yaml'))
    .action((options: ListOptions) => list(options, terminal));
  plugins
    .command('new')
    .description('write a plugin with its test, to start from')
    .argument('<name>', 'lower-case letters, digits and dashes')
    .option('--folder <path>', 'where to write it; default: a folder of that name')
    .addHelpText('after', examples('weir plugins new my-scanner'))
    .action(async (name: string, { folder }: { readonly folder?: string }) => {
      const { newPlugin } = await import('./plugins-new.ts');
      await newPlugin(name, folder ?? null, terminal);
    });
}

async function list(options: ListOptions, terminal: Terminal): Promise<void> {
  const { config } = await loadConfig(configSource(options, terminal));
  const { loadPlugins, closePlugins } = await import('../plugin/loader.ts');
  const loaded = await loadPlugins(config.plugins, { log: warningsTo(terminal), onBlade: () => {} });
  try {
    print(loaded, options.json === true, terminal);
  } finally {
    await closePlugins(loaded);
  }
}

function print(loaded: readonly LoadedPlugin[], json: boolean, { stdout, cwd }: Terminal): void {
  const rows = loaded.map(({ name, version, use, file, blades }) => ({
    name,
    version,
    use,
    file,
    blades: blades.map((blade) => blade.name),
  }));
  if (json) {
    stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  } else if (rows.length === 0) {
    stdout.write('no plugins are configured\n');
  } else {
    for (const { name, version, file, blades } of rows) {
      const brings = blades.length === 0 ? 'no blades' : `blades: ${blades.join(', ')}`;
      stdout.write(`${name} ${version}  ${brings}  (${shortPath(file, cwd)})\n`);
    }
  }
}

/** A logger for plugins while they are only looked at: warnings and errors on standard error. */
function warningsTo({ stderr }: Terminal): HostLogger {
  const quiet = (): void => {};
  const loud = (_fields: object, message: string): void => void stderr.write(`weir: ${message}\n`);
  const log: HostLogger = { debug: quiet, info: quiet, warn: loud, error: loud, child: () => log };
  return log;
}
