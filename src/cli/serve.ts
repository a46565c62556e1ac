// What `start`, `proxy` and `gateway` share: load the configuration, start the halves, say where they
// are, and live until a signal. What the halves do is src/app.ts; what their log looks like, too.

import type { RunningWeir } from '../app.ts';
import type { RecordHooks } from '../app/record-tap.ts';
import { formatProblems, loadConfig, type ResolvedConfig } from '../config/load.ts';
import { pluginOfError, strayError } from '../plugin/stray-errors.ts';
import { tuneHeap } from '../util/heap.ts';
import { banner } from './banner.ts';
import { type ConfigOption, configSource } from './context.ts';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.ts';
import { type ListenOptions, withListenOptions } from './overrides.ts';
import { processHandlers } from './process-handlers.ts';
import { type LoadedForServing, Reloading } from './reloading.ts';
import { reportError, reportStartError } from './report-error.ts';
import type { Terminal } from './terminal.ts';

export interface ServeOptions extends ConfigOption, ListenOptions {}

export interface Halves {
  readonly proxy: boolean;
  readonly gateway: boolean;
}

/** What a command adds to serving. */
export interface ServeExtra {
  /** Called once the configuration is known, before anything runs; may throw. */
  prepare?(config: ResolvedConfig): Promise<RecordHooks>;
  /** Called when everything runs and was told. */
  started?(weir: RunningWeir): void;
  /** Called when everything has stopped. */
  stopped?(): Promise<void>;
}

/** Beyond shutdown.grace: time for closing what is left after the last connection has gone. */
const GRACE_MARGIN_MS = 500;

/**
 * Starts, serves, and resolves with the exit code after SIGTERM or SIGINT.
 * @throws whatever loadConfig() throws; a failed start is printed and gives its exit code
 */
export async function serve(
  halves: Halves,
  options: ServeOptions,
  terminal: Terminal,
  extra: ServeExtra = {},
): Promise<number> {
  const load = async (known: string | null): Promise<LoadedForServing> => {
    const source = configSource(options, terminal);
    // A file that was there at the start must be there: without it the defaults would take over.
    const { config, file, warnings } = await loadConfig(known === null ? source : { ...source, path: known });
    for (const line of formatProblems(warnings, file)) terminal.stderr.write(`warning: ${line}\n`);
    return { config: withListenOptions(config, options), file };
  };
  const loaded = await load(null);
  const { config, file } = loaded;
  tuneHeap();
  const { startWeir } = await loadApp();
  using handlers = processHandlers();
  let reloading: Reloading | null = null;
  let signalledEarly = false;
  handlers.on('SIGHUP', () => {
    if (reloading === null) signalledEarly = true;
    else reloading.onSignal();
  });
  let weir: RunningWeir;
  try {
    weir = await startWeir(config, halves, (await extra.prepare?.(config)) ?? {});
  } catch (error) {
    return reportStartError(error, config, terminal);
  }
  for (const warning of weir.warnings) terminal.stderr.write(`warning: ${warning}\n`);
  let graceMs = config.shutdown.graceMs;
  const onApplied = ({ shutdown }: ResolvedConfig): void => {
    graceMs = shutdown.graceMs;
  };
  reloading = await Reloading.start({ weir, loaded, terminal, load, onApplied });
  const reloader = reloading;
  weir.dashboard?.attachPolicy({ file, reload: () => reloader.now() });
  if (signalledEarly) reloading.onSignal();
  // When standard output is no terminal it carries the log, one JSON object a line.
  const out = terminal.stdout.isTTY === true ? terminal.stdout : terminal.stderr;
  out.write(banner(weir, file, terminal.cwd));
  extra.started?.(weir);

  handlers.on('uncaughtException', (error) => {
    const plugin = pluginOfError(error);
    if (plugin !== null) return void weir.event('error', ...strayError(plugin, error));
    reportError(error, terminal);
    process.exit(EXIT_FAILED); // its state is unknown: a supervisor starts a clean one
  });
  await handlers.stopRequested;
  reloading.close();
  terminal.stderr.write(
    `weir: stopping, at most ${graceMs / 1000} s for what is under way (again: at once)\n`,
  );
  const exitCode = await stop(weir, graceMs, terminal);
  await extra.stopped?.();
  return exitCode;
}

/** Loaded late, because `weir check` and --help need none of it. */
const loadApp = (): Promise<typeof import('../app.ts')> => import('../app.ts');

async function stop(weir: RunningWeir, graceMs: number, terminal: Terminal): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, graceMs + GRACE_MARGIN_MS);
  });
  try {
    await Promise.race([weir.stop(graceMs), overdue]);
    return EXIT_OK;
  } catch (error) {
    return reportError(error, terminal);
  } finally {
    clearTimeout(timer);
  }
}
