// `weir icap bench`: load on one ICAP service, closed loop or at a fixed rate, and what came of it. Asks
// OPTIONS first, so that a wrong address is told at once. The load itself is src/icap/load; its flags are
// bench-settings.ts, what is printed is bench-output.ts.

import { lookup } from 'node:dns/promises';
import { type Command, Option } from 'commander';
import { IcapError, messageOf } from '../../errors.ts';
import { methodRefusal, readServiceOptions, type ServiceOptions } from '../../icap/client/options.ts';
import type { LoadGenerator } from '../../icap/load/generator.ts';
import type { LoadMessage, LoadMessageOptions } from '../../icap/load/message.ts';
import { parseIcapUrl, targetUrl } from '../../icap/probe/target.ts';
import { type CommandContext, examples } from '../context.ts';
import { EXIT_FAILED, EXIT_OK } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';
import { headerOption } from './connection-options.ts';
import { painter } from './text.ts';
import { type BenchRun, doubts, progressLine, reportJson, reportText } from './bench-output.ts';
import { type BenchFlags, type BenchSettings, benchSettings, isLoopback } from './bench-settings.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const MAX_AUTO_PREVIEW = 64 * 1024; // bytes, whatever OPTIONS says

const NOTES = `
Latency counts from the moment an exchange was meant to begin. With --rate that is fixed beforehand, so
that a stall of the service shows in every exchange that it delays.
Against another machine, more than 64 connections, 10 s or a rate of 1000 needs --yes.
Ctrl-C stops and prints what was measured. Exit: 0 fine, 1 some exchanges failed, 2 wrong usage.
`;

/** Adds `bench` to the command `icap`. */
export function addIcapBenchCommand(icap: Command, context: CommandContext): void {
  icap
    .command('bench <icap-url>')
    .description('put load on an ICAP service and print throughput and latency percentiles')
    .option('-c, --connections <n>', 'persistent connections, each with one exchange at a time', '8')
    .option('--rate <n>', 'begin this many exchanges a second (default: as fast as answers come)')
    .option('--duration <time>', 'measured time (default: 10s; 60s with --requests)')
    .option('--requests <n>', 'stop after this many exchanges')
    .option('--warmup <time>', 'load before measuring (default: 1s; 0s with --requests)')
    .addOption(new Option('--method <method>', 'options, reqmod or respmod').default('respmod'))
    .option('--size <size>', 'length of the body (default: 64KiB for respmod, none for reqmod)')
    .option('--file <file>', 'send this file as the body')
    .option('--url <url>', 'URL of the HTTP message', 'http://load.example/')
    .option('--preview <n>', 'bytes to offer as preview; auto: what the service asks for; none', 'auto')
    .option('--no-204', 'do not allow 204 outside a preview')
    .option('--allow-206', 'allow 206 Partial Content')
    .addOption(headerOption('--header <field>', "HTTP field 'Name: value' to add; may be repeated"))
    .addOption(headerOption('--icap-header <field>', "ICAP field 'Name: value' to add; may be repeated"))
    .option('--expect <statuses>', 'ICAP statuses that count as right, e.g. 204 or 200,204')
    .option('--same-body', 'a 200 must bring as many body bytes as were sent')
    .option('--timeout <time>', 'an exchange that takes longer fails', '30s')
    .option('--ca <file>', 'PEM file of the CA that vouches for an icaps server')
    .option('--insecure', 'accept any certificate')
    .option('--cert <file>', 'PEM file of a client certificate, with --key')
    .option('--key <file>', 'PEM file of its key')
    .option('--yes', 'the load is agreed with whoever runs the other machine')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `${NOTES}${examples(
        'weir icap bench icap://127.0.0.1:1344/echo',
        'weir icap bench icap://127.0.0.1:1344/sandblast --rate 200 --duration 30s --size 1MiB',
        'weir icap bench icap://127.0.0.1:1344/echo --method reqmod --requests 10000 --json',
      )}`,
    )
    .action(async (url: string, flags: BenchFlags) => {
      context.exitCode = await bench(url, flags, context.terminal);
    });
}

async function bench(url: string, flags: BenchFlags, terminal: Terminal): Promise<number> {
  const { host } = parseIcapUrl(url);
  const address = await resolve(host);
  const settings = await benchSettings(url, flags, isLoopback(address), terminal.cwd);
  const { LoadGenerator, askOptions } = await import('../../icap/load/generator.ts');
  const { loadEndpoint } = await import('../../icap/load/endpoint.ts');
  const { loadMessage } = await import('../../icap/load/message.ts');
  const endpoint = loadEndpoint(settings.target, address, settings.tls);
  const build = (changes: Partial<LoadMessageOptions>): LoadMessage =>
    loadMessage({ ...settings, preview: null, ...changes });

  const { timeoutMs, method, connections, statuses, sameBody } = settings;
  const asked = { endpoint, connectTimeoutMs: CONNECT_TIMEOUT_MS };
  const head = await askOptions({ ...asked, timeoutMs, message: build({ method: 'OPTIONS', body: null }) });
  const options = readServiceOptions(head, performance.now());
  const refusal = method === 'OPTIONS' ? null : methodRefusal(options, method, targetUrl(settings.target));
  if (refusal !== null) throw refusal;
  const preview = previewOf(settings, options);
  const message = build({ preview });
  const load = new LoadGenerator({ ...asked, message, connections, expected: { statuses, sameBody } });
  return await measure(load, { settings, options, preview }, flags.json === true, terminal);
}

/** Warm-up, measurement, report. */
async function measure(
  load: LoadGenerator,
  run: BenchRun,
  json: boolean,
  { stdout, stderr }: Terminal,
): Promise<number> {
  const { warmupMs, durationMs, requests, rate, timeoutMs } = run.settings;
  using interrupt = onInterrupt();
  try {
    await load.open();
    const phase = async (label: string, ms: number, limit: number | null): Promise<LoadResult> => {
      using _line = progressLine(stderr, label, () => load.phase);
      return await load.run({ durationMs: ms, requests: limit, rate, timeoutMs }, interrupt.signal);
    };
    if (warmupMs > 0) await phase('warm-up  ', warmupMs, null);
    const report = await phase('measuring', durationMs, requests);
    if (json) stdout.write(reportJson(run, report));
    else stdout.write(reportText(run, report, painter(stdout)));
    if (!json) for (const doubt of doubts(run, report)) stderr.write(`warning: ${doubt}\n`);
    return report.failed > 0 || report.exchanges === 0 ? EXIT_FAILED : EXIT_OK;
  } finally {
    load.close();
  }
}

type LoadResult = Awaited<ReturnType<LoadGenerator['run']>>;

/** One address for all connections: looked up once, not for each. */
async function resolve(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (error) {
    const text = `cannot find the address of ${host}: ${messageOf(error)}`;
    throw new IcapError('ERR_ADAPT_UNAVAILABLE', text, { host }, error);
  }
}

/** Bytes of the preview, never more than there are. */
function previewOf({ preview, body, method }: BenchSettings, options: ServiceOptions): number | null {
  if (method === 'OPTIONS' || body === null) return null;
  const wanted = preview === 'auto' ? options.preview : preview;
  if (wanted === null) return null;
  return Math.min(wanted, body.length, preview === 'auto' ? MAX_AUTO_PREVIEW : Infinity);
}

/** The first Ctrl-C aborts the signal; a second one ends the process. */
function onInterrupt(): { readonly signal: AbortSignal; [Symbol.dispose](): void } {
  const controller = new AbortController();
  const listener = (): void => {
    if (controller.signal.aborted) process.exit(EXIT_FAILED);
    controller.abort();
  };
  process.on('SIGINT', listener);
  return { signal: controller.signal, [Symbol.dispose]: () => void process.off('SIGINT', listener) };
}
