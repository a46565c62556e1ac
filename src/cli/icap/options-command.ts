// `weir icap options`: what a service says of itself, each field explained.

import type { Command } from 'commander';
import { icapList } from '../../icap/codec/head.ts';
import { probeOptions } from '../../icap/probe/exchange.ts';
import { parseIcapUrl, targetUrl, type WireClient, type WireResponse } from '../../icap/probe/wire-client.ts';
import { type CommandContext, examples } from '../context.ts';
import { EXIT_FAILED, EXIT_OK } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';
import { connectProbe, type ConnectionOptions, withConnectionOptions } from './connection-options.ts';
import { explainFields } from './explain.ts';
import { answerJson, noteLines, reporting, timingLine } from './report.ts';
import { painter, visible } from './text.ts';

export function addOptionsCommand(icap: Command, context: CommandContext): void {
  const command = icap
    .command('options')
    .description('ask a service for its OPTIONS and explain them')
    .argument('<icap-url>', 'icap://host[:1344]/service or icaps://host[:11344]/service');
  withConnectionOptions(command)
    .addHelpText('after', examples('weir icap options icap://127.0.0.1:1344/sandblast'))
    .action(async (url: string, options: ConnectionOptions) => {
      context.exitCode = await run(url, options, context.terminal);
    });
}

async function run(url: string, options: ConnectionOptions, terminal: Terminal): Promise<number> {
  const target = parseIcapUrl(url);
  return await reporting(options, terminal, { url: targetUrl(target), method: 'OPTIONS' }, async (report) => {
    const client = await connectProbe(target, options, terminal.cwd);
    report.watch(client);
    // Everything is offered, so that the server shows all that it can do (C-62).
    const answer = await probeOptions(client, target, ['204', '206', 'trailers'], options.icapHeader ?? []);
    const good = answer.status === 200;
    if (options.json === true) report.json(jsonOf(client, answer, good));
    else report.lines(linesOf(client, answer, good, terminal));
    return good ? EXIT_OK : EXIT_FAILED;
  });
}

function jsonOf(client: WireClient, answer: WireResponse, good: boolean): object {
  return {
    ok: good,
    ...answerJson(answer),
    methods: icapList(answer.headers, 'methods').map((method) => method.toUpperCase()),
    allow: icapList(answer.headers, 'allow'),
    notes: answer.notes,
    timing: {
      connectMs: client.connectMs,
      tlsMs: client.tlsMs,
      firstByteMs: answer.firstByteMs,
      ms: answer.ms,
    },
  };
}

function linesOf(client: WireClient, answer: WireResponse, good: boolean, terminal: Terminal): string[] {
  const paint = painter(terminal.stdout);
  const what = visible(`${answer.status} ${answer.reason}`.trim());
  const methods = icapList(answer.headers, 'methods')
    .map((method) => method.toUpperCase())
    .join(' and ');
  const verdict = good
    ? paint('green', `${what}: the service offers ${methods === '' ? 'no methods' : visible(methods)}`)
    : paint('red', `FAILED: the server answers OPTIONS with ${what}`);
  return [
    verdict,
    ...explainFields(answer.headers),
    ...noteLines(answer.notes, paint),
    timingLine(client, answer.firstByteMs, answer.ms),
  ];
}
