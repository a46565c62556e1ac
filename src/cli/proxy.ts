// `weir proxy`: the proxy alone; its adaptation services are then other servers, or nothing.

import type { Command } from 'commander';
import { type CommandContext, configOption, examples } from './context.ts';
import { dashboardListenOption, proxyListenOption } from './overrides.ts';
import { addPasswdCommand } from './passwd.ts';
import { serve, type ServeOptions } from './serve.ts';

export function addProxyCommand(program: Command, context: CommandContext): void {
  const proxy = program
    .command('proxy')
    .description('run only the intercepting proxy')
    .helpCommand(false)
    .addOption(configOption())
    .addOption(proxyListenOption())
    .addOption(dashboardListenOption())
    .addHelpText('after', examples('weir proxy --config my.yaml'))
    .action(async (options: ServeOptions) => {
      context.exitCode = await serve({ proxy: true, gateway: false }, options, context.terminal);
    });
  addPasswdCommand(proxy, context, {
    half: 'proxy',
    who: 'a user of the proxy',
    key: 'proxy.auth',
    example: 'alice',
  });
}
