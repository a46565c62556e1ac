// `weir icap doctor`: examines any ICAP server and says what was found. The examination is
// src/icap/doctor; what is printed of it is doctor-output.ts.

import type { Command } from 'commander';
import { formatDuration } from '../../config/units.ts';
import { ConfigError } from '../../errors.ts';
import { selectChecks } from '../../icap/doctor/catalogue.ts';
import { examine } from '../../icap/doctor/examine.ts';
import { parseIcapUrl } from '../../icap/probe/wire-client.ts';
import { type CommandContext, examples } from '../context.ts';
import { EXIT_FAILED, EXIT_OK } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';
import { type ConnectionOptions, probeOptionsOf, withConnectionOptions } from './connection-options.ts';
import { listText, progressLine, reportText } from './doctor-output.ts';

const DEFAULT_TIMEOUT_MS = 5000;
const PAUSE_MS = 20; // between two checks
const MAX_CONNECTIONS = 256; // at the same time, whatever the server offers

const NOTES = `
Sends less than 1 MiB in small requests, one after the other (16 at once in one check), and EICAR, a harmless
file that virus scanners report: expect entries in the log of the server.
Exit: 0 nothing of level must failed, 1 something did or the server was not reached, 2 wrong usage.
`;

interface DoctorFlags extends ConnectionOptions {
  readonly intrusive?: true;
  readonly only?: readonly string[];
  readonly list?: true;
  readonly problems?: true;
}

/** Adds `doctor` to the command `icap`. */
export function addDoctorCommand(icap: Command, context: CommandContext): void {
  const command = icap
    .command('doctor')
    .description('examine an ICAP server: what it can do, and where it breaks the protocol')
    .argument('[icap-url]', 'icap://host[:1344]/service or icaps://host[:11344]/service')
    .option('--only <id|group>', 'run these checks only; a comma list, may be repeated', collect)
    .option('--intrusive', 'also checks that may bother a fragile server: broken framing, huge headers')
    .option('--problems', 'print only what failed or is worth a warning')
    .option('--list', 'print all checks and what they send, and run none');
  withConnectionOptions(command).addHelpText(
    'after',
    `${NOTES}${examples(
      'weir icap doctor icap://127.0.0.1:1344/sandblast',
      'weir icap doctor icap://scanner.example/avscan --only preview,verdict --raw',
    )}`,
  );
  setDefaultTimeout(command);
  command.action(async (url: string | undefined, flags: DoctorFlags) => {
    context.exitCode = await run(url, flags, context.terminal);
  });
}

async function run(url: string | undefined, flags: DoctorFlags, terminal: Terminal): Promise<number> {
  const checks = selectChecks(flags.only ?? []);
  const json = flags.json === true;
  if (flags.list === true) {
    const listed = checks.map(({ run: _run, ...check }) => check);
    terminal.stdout.write(json ? `${JSON.stringify(listed, null, 2)}\n` : listText(checks));
    return EXIT_OK;
  }
  if (url === undefined) {
    throw new ConfigError(
      'ERR_CONFIG_VALUE',
      'missing icap-url: give one such as icap://127.0.0.1:1344/echo',
    );
  }
  const target = parseIcapUrl(url);
  const connection = await probeOptionsOf(flags, terminal.cwd);
  const progress = (text: string): void => {
    if (terminal.stderr.isTTY === true) terminal.stderr.write(`\r\u001b[2K${text}`);
  };
  const report = await examine({
    ...connection,
    target,
    checks,
    intrusive: flags.intrusive === true,
    maxConcurrency: MAX_CONNECTIONS,
    fields: fieldLines(flags.icapHeader ?? []),
    pauseMs: PAUSE_MS,
    onStart: (check, index) => progress(progressLine(check, index, checks.length)),
  });
  progress('');
  const { raw = false, problems = false } = flags;
  terminal.stdout.write(
    json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report, { raw, problems }, terminal.stdout),
  );
  return report.summary.ok ? EXIT_OK : EXIT_FAILED;
}

function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(',').map((name) => name.trim())].filter((name) => name !== '');
}

function fieldLines(headers: readonly string[]): string[] {
  return headers.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${headers[index + 1]!}`] : []));
}

/** A check that waits for what never comes should not take half a minute. */
function setDefaultTimeout(command: Command): void {
  const timeout = command.options.find((option) => option.long === '--timeout');
  timeout?.default(DEFAULT_TIMEOUT_MS, formatDuration(DEFAULT_TIMEOUT_MS));
  command.setOptionValueWithSource('timeout', DEFAULT_TIMEOUT_MS, 'default');
}
