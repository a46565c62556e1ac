// `weir replay`: recorded traffic through another policy or another ICAP server, with what differs. The work
// is src/app/replay.ts; this prints it.

import path from 'node:path';
import { type Command, Option } from 'commander';
import {
  recordedTransactions,
  type ReplayedOutcome,
  type ReplayedTransaction,
  ReplayStage,
  withTarget,
} from '../app/replay.ts';
import type { RecordedOutcome } from '../capture/recording.ts';
import { loadConfig } from '../config/load.ts';
import { type CommandContext, configOption, type ConfigOption, configSource, examples } from './context.ts';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

interface ReplayOptions extends ConfigOption {
  readonly profile?: string;
  readonly service?: string;
  readonly all?: true;
  readonly expectSame?: true;
  readonly json?: true;
}

interface Tally {
  transactions: number;
  replayed: number;
  changed: number;
  /** The recording does not say what became of them. */
  unknown: number;
  partial: number;
  failed: number;
  readonly skipped: Map<string, number>;
  /** Verdict before and now, e.g. `allowed -> blocked`. */
  readonly moves: Map<string, number>;
}

const PROGRESS_EVERY_MS = 200;

export function addReplayCommand(program: Command, context: CommandContext): void {
  program
    .command('replay')
    .description('take recorded traffic through another profile or ICAP server, and show what differs')
    .argument('<file>', 'of `weir record`; also HAR, or a packet capture of ICAP (needs tshark)')
    .addOption(configOption())
    .option('--profile <name>', 'of all services of the gateway that scan')
    .addOption(
      new Option('--service <icap-url>', 'that sees all requests and responses instead').conflicts('profile'),
    )
    .option('--all', 'print every transaction, not only those that differ')
    .option('--expect-same', 'exit with 1 where a verdict differs or a service fails')
    .option('--json', 'print one JSON object a transaction, then one with the sums')
    .addHelpText(
      'after',
      examples(
        'weir replay monday.weir --profile strict',
        'weir replay monday.weir --service icap://127.0.0.1:1345/avscan --expect-same',
        'weir replay page.har --all',
      ),
    )
    .action(async (file: string, options: ReplayOptions) => {
      context.exitCode = await replay(file, options, context.terminal);
    });
}

async function replay(file: string, options: ReplayOptions, terminal: Terminal): Promise<number> {
  const loaded = await loadConfig(configSource(options, terminal));
  const stage = await ReplayStage.open(withTarget(loaded.config, options));
  const tally: Tally = {
    ...{ transactions: 0, replayed: 0, changed: 0, unknown: 0, partial: 0, failed: 0 },
    ...{ skipped: new Map<string, number>(), moves: new Map<string, number>() },
  };
  const progress = progressOn(terminal, tally, options.json === true);
  try {
    for await (const recorded of recordedTransactions(path.resolve(terminal.cwd, file))) {
      const replayed = await stage.replay(recorded);
      count(tally, replayed);
      progress.clear();
      if (options.json === true) terminal.stdout.write(`${JSON.stringify(replayed)}\n`);
      else if (replayed.changed || options.all === true || replayed.now?.verdict === 'error')
        terminal.stdout.write(lineOf(replayed));
      progress.show();
    }
  } finally {
    progress.clear();
    await stage.close();
  }
  terminal.stdout.write(options.json === true ? `${JSON.stringify(sums(tally))}\n` : summary(tally));
  return options.expectSame === true && (tally.changed > 0 || tally.failed > 0) ? EXIT_FAILED : EXIT_OK;
}

function count(tally: Tally, { before, now, skipped, partial, changed }: ReplayedTransaction): void {
  const add = (map: Map<string, number>, key: string): void => void map.set(key, (map.get(key) ?? 0) + 1);
  tally.transactions++;
  if (skipped !== null) return add(tally.skipped, skipped);
  tally.replayed++;
  if (partial) tally.partial++;
  if (now!.verdict === 'error') tally.failed++;
  if (before === null) tally.unknown++;
  if (changed) tally.changed++;
  add(
    tally.moves,
    before === null || before.verdict === now!.verdict
      ? now!.verdict
      : `${before.verdict} -> ${now!.verdict}`,
  );
}

const MARKS = { allowed: ' ', modified: '~', blocked: '#', bypassed: '?', error: '!' } as const;

function lineOf({ method, url, before, now, skipped, partial }: ReplayedTransaction): string {
  const what = `${method} ${url.length > 100 ? `${url.slice(0, 99)}…` : url}`;
  if (now === null) return `- ${what}\n    not replayed: ${skipped}\n`;
  const lines = [`${MARKS[now.verdict]} ${what}`];
  const isNew = before === null || outcomeText(before) === outcomeText(now);
  lines.push(isNew ? `    ${outcomeText(now)}` : `    was ${outcomeText(before)}, now ${outcomeText(now)}`);
  if (now.error !== null) lines.push(`    ${now.error}`);
  if (partial) lines.push('    only a part of its body was recorded');
  return `${lines.join('\n')}\n`;
}

function outcomeText({ verdict, threat, notScanned }: RecordedOutcome | ReplayedOutcome): string {
  const why = [threat, notScanned === null ? null : `not scanned: ${notScanned}`].filter(
    (part) => part !== null,
  );
  return why.length === 0 ? verdict : `${verdict} (${why.join('; ')})`;
}

function sums({ skipped, moves, ...counts }: Tally): object {
  return { sums: { ...counts, skipped: Object.fromEntries(skipped), verdicts: Object.fromEntries(moves) } };
}

function summary({ transactions, replayed, changed, unknown, partial, skipped, moves }: Tally): string {
  const lines = [`${transactions} recorded, ${replayed} replayed, ${changed} with another outcome`];
  for (const [move, times] of [...moves].sort(([, a], [, b]) => b - a)) lines.push(`  ${times} ${move}`);
  if (unknown > 0) lines.push(`  ${unknown} of which the file does not say what became of them`);
  if (partial > 0) lines.push(`  ${partial} of whose body only a part was recorded`);
  for (const [why, times] of skipped) lines.push(`  ${times} not replayed: ${why}`);
  return `${lines.join('\n')}\n`;
}

/** How far it is, on a terminal. */
function progressOn({ stderr }: Terminal, tally: Tally, quiet: boolean): { show(): void; clear(): void } {
  if (quiet || stderr.isTTY !== true) return { show() {}, clear() {} };
  let shownAt = -Infinity;
  let isShown = false;
  return {
    show() {
      const now = performance.now();
      if (now - shownAt < PROGRESS_EVERY_MS) return;
      shownAt = now;
      isShown = true;
      stderr.write(`\r${tally.transactions} replayed, ${tally.changed} with another outcome`);
    },
    clear() {
      if (isShown) stderr.write('\r\u001b[K');
      isShown = false;
    },
  };
}
