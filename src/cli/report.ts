// `weir report`: what plugins keep of their judgements, as threat emulation does. Loads the plugins of the
// configuration to ask them where their reports are, while Weir runs and after it has stopped.

import { type Command, InvalidArgumentError } from 'commander';
import { loadConfig } from '../config/load.ts';
import type { Report, ReportNode, ReportSource } from '../plugin/api.ts';
import { type CommandContext, configOption, type ConfigOption, configSource, examples } from './context.ts';
import { EXIT_FAILED } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

interface Options extends ConfigOption {
  readonly json?: true;
  readonly last?: number;
}

const DEFAULT_LAST = 20;

export function addReportCommand(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const report = program
    .command('report')
    .description('see what content did in threat emulation')
    .helpCommand(false)
    .addHelpText('after', examples('weir report list', 'weir report show te-0123456789ab'));
  const add = (name: string, what: string, example: string): Command =>
    report
      .command(name)
      .description(what)
      .addOption(configOption())
      .addHelpText('after', examples(`weir report ${example}`));

  add('list', 'list the latest reports, the newest first', 'list --last 10')
    .option('--last <n>', `that many (default: ${DEFAULT_LAST})`, count)
    .option('--json', 'print a list of reports')
    .action(async (options: Options) => {
      const { latestReports } = await import('../plugin/report-tree.ts');
      const reports = await withSources(options, terminal, (sources) =>
        latestReports(sources, options.last ?? DEFAULT_LAST),
      );
      if (options.json === true) return void terminal.stdout.write(`${JSON.stringify(reports, null, 2)}\n`);
      if (reports.length === 0) return void terminal.stdout.write('there are no reports\n');
      for (const each of reports) terminal.stdout.write(lineOf(each));
    });

  add('show', 'print one report as a tree of what happened', 'show te-0123456789ab')
    .argument('<id>', 'of the block page, the log, or the list')
    .option('--json', 'print it for programs')
    .action(async (id: string, options: Options) => {
      const { findReport } = await import('../plugin/report-tree.ts');
      const found = await withSources(options, terminal, (sources) => findReport(sources, id));
      if (found === null) {
        terminal.stderr.write(`weir: there is no report ${printable(id).slice(0, 80)}\n`);
        terminal.stderr.write('      weir report list names the latest.\n');
        context.exitCode = EXIT_FAILED;
      } else if (options.json === true) terminal.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
      else terminal.stdout.write(reportText(found));
    });
}

/** A report for people: facts, reasons, then the tree, two blanks a level. Ends in a line feed. */
export function reportText(report: Report): string {
  const { id, at, url, direction, size, type, verdict, threat, score, threshold, reasons, limits } = report;
  const rows: [string, string][] = [
    ['report', id],
    ['time', at],
    ['url', url],
    ['content', `${type === '' ? 'data' : type}, ${size} bytes, ${direction}`],
    ['verdict', `${verdict}${threat === null ? '' : `: ${threat}`}`],
    ['score', `${score} (blocked from ${threshold})`],
  ];
  const facts = rows.map(([name, value]) => `${name.padEnd(9)} ${printable(value)}\n`).join('');
  const why = reasons
    .map((each) => `  ${String(each.score).padStart(4)}  ${printable(each.text)}\n`)
    .join('');
  const left = limits.map((each) => `  ${printable(each)}\n`).join('');
  return (
    facts +
    (why === '' ? '' : `\nReasons\n${why}`) +
    `\nBehaviour\n${treeText(report.tree, 1)}` +
    (left === '' ? '' : `\nNot looked at\n${left}`)
  );
}

function treeText({ kind, what, score, children }: ReportNode, level: number): string {
  const points = score > 0 ? ` (+${score})` : '';
  const line = `${'  '.repeat(level)}${printable(kind)}: ${printable(what)}${points}\n`;
  return line + children.map((child) => treeText(child, level + 1)).join('');
}

function lineOf({ id, at, verdict, score, threat, url }: Report): string {
  const when = at.slice(0, 19).replace('T', ' ');
  return `${id}  ${when}  ${verdict} (${score})  ${printable(threat ?? '-')}\n    ${printable(url)}\n`;
}

async function withSources<T>(
  options: ConfigOption,
  terminal: Terminal,
  ask: (sources: readonly ReportSource[]) => Promise<T>,
): Promise<T> {
  const { config } = await loadConfig(configSource(options, terminal));
  const { loadPlugins, closePlugins } = await import('../plugin/loader.ts');
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const log = { ...silent, child: () => silent };
  const loaded = await loadPlugins(config.plugins, { log, onBlade: () => {} });
  try {
    return await ask(loaded.flatMap((plugin) => plugin.reports));
  } finally {
    await closePlugins(loaded);
  }
}

/** What came from outside may have control characters for the terminal in it. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?').slice(0, 500);
}

function count(text: string): number {
  const value = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (value >= 1) return value;
  throw new InvalidArgumentError('Expected a number from 1 to 999.');
}
