// `weir gateway`: the ICAP server alone, for other proxies and applications.

import type { Command } from 'commander';
import { type CommandContext, configOption, examples } from './context.ts';
import { addPasswdCommand } from './passwd.ts';
import { dashboardListenOption, gatewayListenOption } from './overrides.ts';
import { serve, type ServeOptions } from './serve.ts';

export function addGatewayCommand(program: Command, context: CommandContext): void {
  const gateway = program
    .command('gateway')
    .description('run only the ICAP server')
    .helpCommand(false)
    .addOption(configOption())
    .addOption(gatewayListenOption())
    .addOption(dashboardListenOption())
    .addHelpText('after', examples('weir gateway --gateway-listen 127.0.0.1:1345'))
    .action(async (options: ServeOptions) => {
      context.exitCode = await serve({ proxy: false, gateway: true }, options, context.terminal);
    });
  addPasswdCommand(gateway, context, {
    half: 'gateway',
    who: 'an ICAP client',
    key: 'gateway.auth',
    example: 'squid',
  });
}
