// `weir why`: the whole decision of one transaction, or a list of the latest ones. Reads the traces that Weir
// keeps on disk, so it works while Weir runs and after it has stopped. How a trace reads is src/trace/story.ts.

import { type Command, InvalidArgumentError } from 'commander';
import { loadConfig, type ResolvedConfig } from '../config/load.ts';
import { formatDuration, formatSize } from '../config/units.ts';
import { findTrace, lastTraces, type TracesRead } from '../trace/reader.ts';
import { INCIDENT_ID } from '../util/incident-id.ts';
import { type CommandContext, configOption, type ConfigOption, configSource, examples } from './context.ts';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.ts';
import { shortPath } from './shell.ts';
import type { Terminal } from './terminal.ts';
import { formatList, formatStory } from '../trace/story.ts';

interface WhyOptions extends ConfigOption {
  readonly last?: number | true;
  readonly heads?: true;
  readonly json?: true;
}

const DEFAULT_LAST = 20;
const MAX_LAST = 1000;

export function addWhyCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('why')
    .description('why a transaction went as it did: each step, with times and the line that decided')
    .argument('[id]', 'of the log record, or on the page that the user saw')
    .addOption(configOption())
    .option('--last [n]', `list the latest transactions, ${DEFAULT_LAST} unless told`, lastCount)
    .option('--heads', 'print the header fields as well; secrets are never kept')
    .option('--json', 'print the trace, or with --last the list of them, for programs')
    .addHelpText(
      'after',
      examples('weir why W-1KYSNCG0GCA5N', 'weir why --last 50', 'weir why --last --json'),
    );
  command.action(async (id: string | undefined, options: WhyOptions) => {
    if ((id === undefined) === (options.last === undefined)) {
      command.error('weir: give the id of a transaction, or --last for a list of them');
    }
    const { config } = await loadConfig(configSource(options, context.terminal));
    context.exitCode =
      id === undefined
        ? await list(config, options, context.terminal)
        : await tell(config, normalId(id, command), options, context.terminal);
  });
}

function lastCount(text: string): number {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAX_LAST) return count;
  throw new InvalidArgumentError(`Expected a number from 1 to ${MAX_LAST}; an id goes without --last.`);
}

/** As ids are written, however they were read out: base32 has no O, I and L. */
function normalId(given: string, command: Command): string {
  const upper = given.trim().toUpperCase();
  const id = `W-${upper.replace(/^W-?/, '').replaceAll('O', '0').replace(/[IL]/g, '1')}`;
  if (INCIDENT_ID.test(id)) return id;
  return command.error(`weir: "${given.slice(0, 80)}" is no id; one looks like W-1KYSNCG0GCA5N`);
}

async function tell(
  config: ResolvedConfig,
  id: string,
  options: WhyOptions,
  terminal: Terminal,
): Promise<number> {
  const read = await findTrace(config.trace.folder, id);
  const trace = read.traces.at(-1);
  if (trace === undefined) {
    terminal.stderr.write(`weir: no trace of ${id} in ${place(config, terminal)}. ${kept(config, read)}\n`);
    terminal.stderr.write('      weir why --last lists the transactions that are there.\n');
    return EXIT_FAILED;
  }
  const text =
    options.json === true
      ? `${JSON.stringify(trace, null, 2)}\n`
      : formatStory(trace, { heads: options.heads === true, colours: terminal.stdout.isTTY === true });
  terminal.stdout.write(text);
  return EXIT_OK;
}

async function list(config: ResolvedConfig, options: WhyOptions, terminal: Terminal): Promise<number> {
  const { last } = options;
  const read = await lastTraces(config.trace.folder, typeof last === 'number' ? last : DEFAULT_LAST);
  if (options.json === true) {
    terminal.stdout.write(`${JSON.stringify(read, null, 2)}\n`);
    return EXIT_OK;
  }
  if (read.traces.length === 0) {
    terminal.stderr.write(`weir: no traces in ${place(config, terminal)}. ${kept(config, read)}\n`);
    return EXIT_OK;
  }
  terminal.stdout.write(formatList(read.traces, terminal.stdout.isTTY === true));
  return EXIT_OK;
}

const place = ({ trace }: ResolvedConfig, { cwd }: Terminal): string => shortPath(trace.folder, cwd);

/** What is kept, for whoever does not find something. */
function kept({ trace }: ResolvedConfig, { dropped }: TracesRead): string {
  const left = dropped === 0 ? '' : ` ${dropped} were left out under load.`;
  if (!trace.enabled) return `None are kept: trace.enabled is false.${left}`;
  const size = formatSize(trace.maxBytes);
  return `Traces are kept for ${formatDuration(trace.maxAgeMs)} and up to ${size}.${left}`;
}
