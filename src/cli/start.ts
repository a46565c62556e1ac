// `weir start`, the default: proxy and gateway in one process, on a terminal with a line that says how it goes.

import type { Command } from 'commander';
import { type CommandContext, configOption, examples } from './context.ts';
import { liveLine } from './live-line.ts';
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
    .option('--no-live', 'no line at the bottom of the terminal that says how it goes')
    .addHelpText('after', examples('weir start --config my.yaml --proxy-listen 127.0.0.1:3128'))
    .action(async ({ live, ...options }: ServeOptions & { live: boolean }) => {
      const line = live ? liveLine(context.terminal) : null;
      const terminal = line?.terminal ?? context.terminal;
      context.exitCode = await serve({ proxy: true, gateway: true }, options, terminal, line ?? {});
    });
}
