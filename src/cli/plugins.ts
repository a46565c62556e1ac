// `weir plugins list`, `reload` and `new`. `list` loads the plugins of the configuration as a start would, prints what
// each brings and where it lies, and closes them again; `reload` asks the Weir that runs (plugins-reload.ts).

import type { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import { HOOK_POINTS } from '../plugin/api/hooks.ts';
import type { HostLogger, LoadedPlugin } from '../plugin/loader.ts';
import { type CommandContext, configOption, type ConfigOption, configSource, examples } from './context.ts';
import { shortPath } from './shell.ts';
import type { Terminal } from './terminal.ts';

interface ListOptions extends ConfigOption {
  readonly json?: true;
}

export function addPluginsCommand(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const plugins = program
    .command('plugins')
    .description('see which plugins are loaded, reload one, or begin one')
    .helpCommand(false)
    .addHelpText('after', examples('weir plugins list'));
  plugins
    .command('list')
    .description('load the configured plugins and print what each of them brings')
    .addOption(configOption())
    .option(
      '--json',
      'print a list of {name, version, use, file, isolated, blades, services, hooks, authenticators, panels}',
    )
    .addHelpText('after', examples('weir plugins list --config my.yaml'))
    .action((options: ListOptions) => list(options, terminal));
  plugins
    .command('reload')
    .description('set up one plugin of the Weir that runs anew; the others stay as they are')
    .argument('<name>', 'as `weir plugins list` prints it')
    .addOption(configOption())
    .option('--json', 'print {applied, warnings}')
    .addHelpText('after', examples('weir plugins reload antivirus'))
    .action(async (name: string, options: ListOptions) => {
      const { reloadPlugin } = await import('./plugins-reload.ts');
      context.exitCode = await reloadPlugin(name, options, context.terminal);
    });
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
  const rows = loaded.map(({ name, version, use, file, endThread, ...brings }) => ({
    ...{ name, version, use, file },
    isolated: endThread !== undefined,
    blades: brings.blades.map((blade) => blade.name),
    services: brings.services.map(({ path }) => path),
    hooks: HOOK_POINTS.filter((point) => brings.hooks.some(({ hook }) => hook[point] !== undefined)),
    authenticators: brings.authenticators.map(({ scheme }) => scheme),
    panels: brings.panels.map(({ id }) => id),
  }));
  if (json) {
    stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  } else if (rows.length === 0) {
    stdout.write('no plugins are configured\n');
  } else {
    for (const { name, version, file, isolated, ...row } of rows) {
      const kinds = (['blades', 'services', 'hooks', 'authenticators', 'panels'] as const).filter(
        (kind) => row[kind].length > 0,
      );
      const brings = kinds.map((kind) => `${kind}: ${row[kind].join(', ')}`).join('; ') || 'brings nothing';
      stdout.write(
        `${name} ${version}  ${brings}${isolated ? '; isolated' : ''}  (${shortPath(file, cwd)})\n`,
      );
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
