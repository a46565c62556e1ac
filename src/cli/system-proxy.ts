// `weir system-proxy on|off`: lets the desktop of this user send its traffic to the proxy, or prints the
// commands that do. What each desktop needs is desktop-proxy.ts of src/trust.

import { homedir } from 'node:os';
import { type Command, Option } from 'commander';
import { parseListen } from '../config/addresses.ts';
import { loadConfig } from '../config/load.ts';
import { ConfigError, isWeirError } from '../errors.ts';
import { DESKTOPS, type Desktop, desktopOf, DesktopProxy } from '../trust/desktop-proxy.ts';
import { type CommandContext, type ConfigOption, configOption, configSource, examples } from './context.ts';
import { hostToReach } from './overrides.ts';
import type { Terminal } from './terminal.ts';

interface SystemProxyOptions extends ConfigOption {
  readonly address?: string;
  readonly desktop?: Desktop;
  readonly dryRun?: true;
}

export function addSystemProxyCommand(program: Command, { terminal }: CommandContext): void {
  program
    .command('system-proxy')
    .description('let this desktop send its traffic to the proxy, or put back what was before')
    .argument('<on|off>', 'on, or off')
    .addOption(configOption())
    .option('--address <host:port>', 'where the proxy listens (default: proxy.listen of the configuration)')
    .addOption(new Option('--desktop <kind>', 'default: that of this machine').choices(DESKTOPS))
    .option('--dry-run', 'print the commands, change nothing')
    .addHelpText(
      'after',
      examples(
        'weir system-proxy on',
        'weir system-proxy on --desktop windows --dry-run',
        'weir system-proxy off',
      ),
    )
    .action(async (turn: string, options: SystemProxyOptions) => {
      if (turn !== 'on' && turn !== 'off') {
        throw new ConfigError('ERR_CONFIG_VALUE', `system-proxy: expected on or off, got "${turn}"`);
      }
      const machine = {
        ...{ platform: process.platform, home: process.env['HOME'] ?? homedir(), env: process.env, root: '' },
        isRoot: process.getuid?.() === 0,
      };
      const desktop = options.desktop ?? desktopOf(machine);
      const proxy = new DesktopProxy(machine, desktop);
      const steps = turn === 'on' ? await proxy.on(await addressOf(options, terminal)) : await proxy.off();
      if (options.dryRun === true) {
        for (const line of steps.lines) terminal.stdout.write(`${line}\n`);
        return;
      }
      await steps.take();
      terminal.stdout.write(`${steps.done}\n`);
    });
}

/** @throws {ConfigError} `ERR_CONFIG_…` */
async function addressOf(
  options: SystemProxyOptions,
  terminal: Terminal,
): Promise<{ readonly host: string; readonly port: number }> {
  if (options.address !== undefined) {
    try {
      const { host, port } = parseListen(options.address);
      if (port > 0) return { host: hostToReach(host), port };
      throw new ConfigError('ERR_CONFIG_VALUE', 'port 0 is no address');
    } catch (error) {
      if (!isWeirError(error)) throw error;
      throw new ConfigError('ERR_CONFIG_VALUE', `--address: ${error.message}`, {}, error);
    }
  }
  const { proxy } = (await loadConfig(configSource(options, terminal))).config;
  const listener = proxy.listen.find(
    ({ mode, tls, port }) => (mode === 'auto' || mode === 'http') && tls === null && port > 0,
  );
  if (listener === undefined) {
    const text = 'proxy.listen has no plain HTTP listener with a fixed port: name it with --address';
    throw new ConfigError('ERR_CONFIG_VALUE', text);
  }
  return { host: hostToReach(listener.host), port: listener.port };
}
