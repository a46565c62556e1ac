// `weir start`, the default: proxy and gateway in one process.

import type { Command } from 'commander';
import { type CommandContext, configOption, examples } from './context.ts';
import { dashboardListenOption, gatewayListenOption, proxyListenOption } from './overrides.ts';
import { serve, type ServeOptions } from './serve.ts';

export function addStartCommand(program: Command, context: CommandContext): void {
  program
    .command('start')
    .description('run proxy and gateway (the default command)')
    .addOption(configOption())
    .addOption(proxyListenOption())
    .addOption(gatewayListenOption())
    .addOption(dashboardListenOption())
    .addHelpText('after', examples('weir start --config my.yaml --proxy-listen 127.0.0.1:3128'))
    .action(async (options: ServeOptions) => {
      context.exitCode = await serve({ proxy: true, gateway: true }, options, context.terminal);
    });
}
