// `weir demo`: plays the scenarios of the lab and tells them, for people or as JSON; with --keep the lab stays
// up for clicking, with --browser in a browser that is already set up. What is played is src/demo.

import { type Command, Option } from 'commander';
import { parseIcapUrl } from '../config/addresses.ts';
import type { RunningLab } from '../demo/lab.ts';
import type { ScenarioResult } from '../demo/scenario.ts';
import type { StoryLook } from '../demo/story.ts';
import { ConfigError, messageOf } from '../errors.ts';
import { type CommandContext, examples } from './context.ts';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.ts';
import { processHandlers, type ProcessHandlers } from './process-handlers.ts';
import type { Terminal } from './terminal.ts';

interface DemoOptions {
  readonly keep?: boolean;
  readonly json?: boolean;
  readonly chain?: string;
  readonly browser?: boolean;
}

const DEFAULT_COLUMNS = 80;
const MAX_COLUMNS = 100; // longer lines are hard to read
const CLEAR_LINE = '\r\u001b[K';

export function addDemoCommand(program: Command, context: CommandContext): void {
  program
    .command('demo')
    .description('show what Weir does: a lab on this machine, without internet, in a few seconds')
    .option('--keep', 'leave the lab up afterwards, until Ctrl-C')
    .addOption(
      new Option('--browser', 'open Chromium on it, already set up (implies --keep)').conflicts('json'),
    )
    .option(
      '--chain <icap-url>',
      "let another ICAP server judge, e.g. your scanner's, in place of the gateway",
    )
    .addOption(new Option('--json', 'print one JSON document').conflicts('keep'))
    .addHelpText(
      'after',
      examples('weir demo', 'weir demo --browser', 'weir demo --chain icap://scanner.example:1344/respmod'),
    )
    .action(async (options: DemoOptions) => {
      context.exitCode = await demo(options, context.terminal);
    });
}

async function demo(options: DemoOptions, terminal: Terminal): Promise<number> {
  const chain = chainOf(options);
  using handlers = processHandlers();
  let stopped = false;
  void handlers.stopRequested.then(() => {
    stopped = true;
  });
  const progress = new Progress(terminal);
  progress.show('starting the lab …');
  const startedAt = performance.now();
  const { startLab, SCENARIOS, playScenario, formatScenario, demoReport } = await loadDemo();
  const scenarios = SCENARIOS.filter(({ ownGatewayOnly }) => chain === null || !ownGatewayOnly);
  const lab = await startLab({ scenarios, chain }).finally(() => progress.clear());
  try {
    const look = lookOf(terminal);
    const results: ScenarioResult[] = [];
    if (options.json !== true) terminal.stdout.write(opening(lab));
    for (const [index, scenario] of scenarios.entries()) {
      if (stopped) break;
      progress.show(`${index + 1} of ${scenarios.length}: ${scenario.title} …`);
      const result = await Promise.race([playScenario(scenario, lab), handlers.stopRequested]);
      progress.clear();
      if (result === undefined) break; // by a signal
      results.push(result);
      if (options.json !== true) terminal.stdout.write(formatScenario(result, index + 1, look));
    }
    if (stopped) {
      terminal.stderr.write('weir: the demo was stopped before its end\n');
      return EXIT_FAILED;
    }
    const ms = performance.now() - startedAt;
    if (options.json === true) {
      terminal.stdout.write(`${JSON.stringify(demoReport(results, { chain, ms }), null, 2)}\n`);
    } else {
      await tellEnd(results, { lab, options, ms, look, terminal, handlers });
    }
    return results.every(({ ok }) => ok) ? EXIT_OK : EXIT_FAILED;
  } finally {
    progress.clear();
    await lab.close();
  }
}

/** @throws {ConfigError} `ERR_CONFIG_VALUE` */
function chainOf({ chain }: DemoOptions): string | null {
  if (chain === undefined) return null;
  try {
    parseIcapUrl(chain);
    return chain;
  } catch (error) {
    throw new ConfigError('ERR_CONFIG_VALUE', `--chain: ${messageOf(error)}`, {}, error);
  }
}

/** Loaded late, because --help needs none of it. */
const loadDemo = (): Promise<typeof import('../demo/index.ts')> => import('../demo/index.ts');

interface End {
  readonly lab: RunningLab;
  readonly options: DemoOptions;
  readonly ms: number;
  readonly look: StoryLook;
  readonly terminal: Terminal;
  readonly handlers: ProcessHandlers;
}

/** The table, and with --keep what can be done now, until a signal. */
async function tellEnd(results: readonly ScenarioResult[], end: End): Promise<void> {
  const { lab, options, ms, look, terminal, handlers } = end;
  const { formatSummary, invitation, openBrowser } = await loadDemo();
  const seconds = (ms / 1000).toFixed(1);
  terminal.stdout.write(`${formatSummary(results, look)}It took ${seconds} s.\n`);
  if (lab.chain !== null && results.some(({ ok }) => !ok)) {
    terminal.stdout.write(`What came is the verdict of ${lab.chain}: it may not know the test content.\n`);
  }
  if (options.keep !== true && options.browser !== true) {
    terminal.stdout.write('weir demo --keep leaves the lab up; weir start is the real thing.\n');
    return;
  }
  terminal.stdout.write(`\n${invitation(lab)}`);
  if (options.browser === true) {
    const browser = await openBrowser(lab);
    try {
      terminal.stdout.write(`${browser.said}\n`);
      await handlers.stopRequested;
    } finally {
      await browser.close();
    }
  } else {
    await handlers.stopRequested;
  }
  terminal.stderr.write('weir: the lab is taken down\n');
}

/** For who has never heard of ICAP. */
const LEGEND = [
  'Each story has six steps. In 3 the ICAP server is shown the request, before it',
  'leaves (REQMOD); in 5 the answer of the site, before the user gets it (RESPMOD).',
  'It lets the message pass, changes it, or puts a block page in its place.',
];

function opening({ weir, origin, chain }: RunningLab): string {
  const judge = chain ?? `icap://${weir.gatewayAddresses[0]}/sandblast`;
  const addresses = [
    ['origin', `https://*.lab.test:${origin.port} (under a CA of its own)`],
    ['proxy', `http://${weir.proxyAddresses[0]}`],
    ['judged by', judge],
  ];
  const lines = addresses.map(([name, text]) => `   ${name!.padEnd(10)} ${text}`);
  const warning =
    chain === null
      ? []
      : ['', 'The test content does no harm: a server of another vendor may not know it, and let it pass.'];
  return ['Weir, in a lab on this machine:', ...lines, ...warning, '', ...LEGEND, '', ''].join('\n');
}

/** Colours and symbols only on a terminal whose user has nothing against them. */
function lookOf({ stdout }: Terminal): StoryLook {
  const columns = Math.min(MAX_COLUMNS, stdout.columns ?? DEFAULT_COLUMNS);
  return { columns, colours: stdout.isTTY === true && process.env['NO_COLOR'] === undefined };
}

/** What is being done, on a terminal: one line that is overwritten. */
class Progress {
  readonly #stderr: Terminal['stderr'];
  #shown = false;

  constructor({ stderr }: Terminal) {
    this.#stderr = stderr;
  }

  show(text: string): void {
    if (this.#stderr.isTTY !== true) return;
    this.#shown = true;
    this.#stderr.write(`${CLEAR_LINE}${text}`);
  }

  clear(): void {
    if (this.#shown) this.#stderr.write(CLEAR_LINE);
    this.#shown = false;
  }
}
