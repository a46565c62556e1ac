// `weir quarantine`: what was blocked and kept, for whoever has to decide about it. Works on the folders of
// the configuration, while Weir runs and after it has stopped.

import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { loadConfig } from '../config/load.ts';
import { formatDuration, formatSize, parseDuration } from '../config/units.ts';
import { ConfigError, messageOf } from '../errors.ts';
import type { QuarantineDesk } from '../gateway/quarantine/desk.ts';
import type { QuarantineEntry } from '../gateway/quarantine/quarantine.ts';
import { type CommandContext, configOption, type ConfigOption, configSource, examples } from './context.ts';
import { EXIT_FAILED } from './exit-codes.ts';
import { shortPath } from './shell.ts';
import type { Terminal } from './terminal.ts';

interface Options extends ConfigOption {
  readonly json?: true;
  readonly last?: number;
  readonly for?: number;
  readonly revoke?: true;
  readonly out?: string;
}

const DEFAULT_LAST = 50;

export function addQuarantineCommand(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const quarantine = program
    .command('quarantine')
    .description('see what was blocked and kept, take it out, let it pass')
    .helpCommand(false)
    .addHelpText(
      'after',
      examples(
        'weir quarantine list',
        'weir quarantine release W-1KYSNCG0GCA5N --for 24h',
        'weir quarantine export W-1KYSNCG0GCA5N --out sample.bin',
      ),
    );
  const add = (name: string, what: string, example: string): Command =>
    quarantine
      .command(name)
      .description(what)
      .addOption(configOption())
      .addHelpText('after', examples(`weir quarantine ${example}`));
  const failed = (id: string): void => {
    terminal.stderr.write(`weir: nothing of ${id.slice(0, 80)} is in the quarantine\n`);
    terminal.stderr.write('      weir quarantine list names what is there.\n');
    context.exitCode = EXIT_FAILED;
  };

  add('list', 'list what is kept, the newest first', 'list --last 10')
    .option('--last <n>', `that many (default: ${DEFAULT_LAST})`, count)
    .option('--json', 'print a list of descriptions')
    .action(async (options: Options) => {
      const desk = await deskOf(options, terminal);
      list(await desk.list(options.last ?? DEFAULT_LAST), options, terminal);
    });

  add('show', 'print the description of one body', 'show W-1KYSNCG0GCA5N')
    .argument('<id>', 'of the block page, or of the list')
    .option('--json', 'print it for programs')
    .action(async (id: string, options: Options) => {
      const entry = await (await deskOf(options, terminal)).get(id);
      if (entry === null) return failed(id);
      terminal.stdout.write(options.json ? `${JSON.stringify(entry, null, 2)}\n` : described(entry));
    });

  add('release', 'let the same content pass from now on', 'release W-1KYSNCG0GCA5N --for 24h')
    .argument('<id>', 'of the block page, or of the list')
    .option('--for <duration>', 'for how long, e.g. 24h (default: 720h)', releaseTime)
    .option('--revoke', 'take the release back')
    .action(async (id: string, options: Options) => {
      const desk = await deskOf(options, terminal);
      if ((await desk.get(id)) === null) return failed(id);
      const entry = await desk.release(id, options.revoke === true ? 0 : options.for);
      const { sha256, releasedUntil } = entry;
      const text =
        releasedUntil === null
          ? `content ${sha256} is judged again`
          : `content ${sha256} passes until ${new Date(releasedUntil).toISOString()}`;
      terminal.stdout.write(`${text}\n`);
    });

  add('delete', 'remove a body and its description', 'delete W-1KYSNCG0GCA5N')
    .argument('<id>', 'of the block page, or of the list')
    .action(async (id: string, options: Options) => {
      if (!(await (await deskOf(options, terminal)).delete(id))) return failed(id);
      terminal.stdout.write(`${id} is gone\n`);
    });

  add(
    'export',
    'write a body to a file as it was transferred: take care',
    'export W-1KYSNCG0GCA5N --out sample',
  )
    .argument('<id>', 'of the block page, or of the list')
    .requiredOption('-o, --out <file>', 'file to make; one that exists is left alone')
    .action(async (id: string, options: Options) => {
      const desk = await deskOf(options, terminal);
      const entry = await desk.get(id);
      if (entry === null) return failed(id);
      await writeOut(desk, entry, options.out!, terminal);
    });
}

async function deskOf(options: ConfigOption, terminal: Terminal): Promise<QuarantineDesk> {
  const { config } = await loadConfig(configSource(options, terminal));
  const { QuarantineDesk } = await import('../gateway/quarantine/desk.ts');
  return new QuarantineDesk(config.gateway);
}

function list(entries: readonly QuarantineEntry[], { json }: Options, { stdout }: Terminal): void {
  if (json === true) return void stdout.write(`${JSON.stringify(entries, null, 2)}\n`);
  if (entries.length === 0) return void stdout.write('the quarantine is empty\n');
  for (const entry of entries) {
    const { id, time, threat, bytes, client, user, url } = entry;
    const state = isReleased(entry) ? '  released' : '';
    const who = user ?? client ?? '-';
    const when = new Date(time).toISOString().slice(0, 19).replace('T', ' ');
    stdout.write(`${id}  ${when}  ${printable(threat)}  ${bytes} bytes  ${printable(who)}${state}\n`);
    stdout.write(`    ${printable(url)}\n`);
  }
}

function described(entry: QuarantineEntry): string {
  const rows: [string, string | null][] = [
    ['incident', entry.id],
    ['time', new Date(entry.time).toISOString()],
    ['threat', `${entry.threat} (${entry.severity}), found by ${entry.blade}`],
    ['reason', entry.reason],
    ['url', entry.url],
    ['direction', entry.direction],
    ['client', entry.client],
    ['user', entry.user],
    ['service', `${entry.service}, profile ${entry.profile}`],
    ['type', entry.contentType],
    ['coding', entry.contentEncoding],
    ['size', `${entry.bytes} bytes${entry.stored ? '' : ' (body not kept: above maxFile)'}`],
    ['sha256', entry.sha256],
    ['released', isReleased(entry) ? `until ${new Date(entry.releasedUntil!).toISOString()}` : null],
  ];
  return rows
    .flatMap(([name, value]) => (value === null ? [] : `${name.padEnd(10)} ${printable(value)}\n`))
    .join('');
}

async function writeOut(
  desk: QuarantineDesk,
  entry: QuarantineEntry,
  out: string,
  { cwd, stdout }: Terminal,
): Promise<void> {
  const body = await desk.open(entry.id);
  const path = await import('node:path');
  const file = path.resolve(cwd, out);
  try {
    await pipeline(body, createWriteStream(file, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    throw new ConfigError('ERR_QUARANTINE', `cannot write ${out}: ${messageOf(error)}`, { file }, error);
  }
  stdout.write(`${shortPath(file, cwd)}: ${formatSize(entry.bytes)} of ${printable(entry.threat)}\n`);
}

function isReleased({ releasedUntil }: QuarantineEntry): boolean {
  return releasedUntil !== null && releasedUntil > Date.now();
}

/** What came from outside may have control characters for the terminal in it. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?').slice(0, 500);
}

function count(text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (value >= 1) return value;
  throw new InvalidArgumentError('Expected a number from 1 to 99999.');
}

const MIN_RELEASE_MS = 1000;
const MAX_RELEASE_MS = 10 * 365 * 24 * 3_600_000;

function releaseTime(text: string): number {
  try {
    const value = parseDuration(text);
    if (value >= MIN_RELEASE_MS && value <= MAX_RELEASE_MS) return value;
  } catch {
    // said below
  }
  throw new InvalidArgumentError(`Expected a duration from ${formatDuration(MIN_RELEASE_MS)}, such as 24h.`);
}
