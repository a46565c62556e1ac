// How a failure is told on the command line: one line that says what is wrong and what to do, without a
// stack, when the failure has a name; with its stack when it is a fault of ours.

import { formatListen } from '../config/addresses.ts';
import { ConfigProblemsError, formatProblems, type ResolvedConfig } from '../config/load.ts';
import { isWeirError, messageOf, type WeirError } from '../errors.ts';
import { EXIT_FAILED, exitCodeOf } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

/** Prints a failure on standard error and returns the exit code. */
export function reportError(error: unknown, terminal: Terminal): number {
  if (error instanceof ConfigProblemsError) {
    for (const line of formatProblems(error.problems, error.file)) terminal.stderr.write(`${line}\n`);
    return exitCodeOf(error.code);
  }
  if (isWeirError(error)) {
    terminal.stderr.write(`weir: ${sentence(error)}\n`);
    return exitCodeOf(error.code);
  }
  const stack = (error as { stack?: unknown } | null)?.stack;
  terminal.stderr.write(
    `weir: unexpected failure: ${typeof stack === 'string' ? stack : messageOf(error)}\n`,
  );
  return EXIT_FAILED;
}

/** Messages about the configuration and the CA end in their own advice; the others get the table's. */
function sentence(error: WeirError): string {
  const message = error.message.replaceAll('\n', ' ');
  if (/^ERR_CONFIG_/.test(error.code) || error.code === 'ERR_CA_UNREADABLE') return message;
  if (message.endsWith(error.remedy)) return message;
  return `${message}: ${error.remedy.charAt(0).toLowerCase()}${error.remedy.slice(1)}`;
}

/**
 * Prints why no socket could be opened, naming the flag that chooses another address; any other error
 * like reportError.
 */
export function reportStartError(error: unknown, config: ResolvedConfig, terminal: Terminal): number {
  const failed = listenFailure(error);
  if (failed === null) return reportError(error, terminal);
  const proxy = config.proxy.listen.find((listener) => sameAddress(listener, failed));
  const gateway = config.gateway.listen.find((listener) => sameAddress(listener, failed));
  const next = formatListen({ host: failed.host, port: Math.max(1024, (failed.port + 1) % 65_536) });
  const { listen } = config.dashboard;
  const dashboard = listen !== null && sameAddress(listen, failed);
  const flag = proxy
    ? `--proxy-listen ${next}`
    : gateway
      ? `--gateway-listen ${next}`
      : dashboard
        ? `--dashboard-listen ${next}`
        : null;
  const choose = `choose another${flag === null ? '' : ` with ${flag}`}`;
  const reasons: Record<string, string> = {
    EADDRINUSE: `is already in use: stop the program that uses it, or ${choose}`,
    EACCES: `may not be opened by this user: ${choose}, with a port of 1024 or more`,
    EADDRNOTAVAIL: `is not an address of this machine: ${choose}`,
  };
  const reason = reasons[failed.errno] ?? `cannot be opened (${failed.errno}): ${choose}`;
  terminal.stderr.write(`weir: ${formatListen(failed)} ${reason}\n`);
  return exitCodeOf('ERR_LISTEN');
}

interface ListenFailure {
  readonly host: string;
  readonly port: number;
  readonly errno: string;
}

/** The failed address of an ERR_LISTEN, or of node's own error for listen(); null for anything else. */
function listenFailure(error: unknown): ListenFailure | null {
  const named = isWeirError(error) && error.code === 'ERR_LISTEN' ? error : null;
  const system = (named === null ? error : named.cause) as Partial<SystemError> | null | undefined;
  const host = named?.fields.host ?? named?.fields.address ?? system?.address;
  const port = Number(named?.fields.port ?? system?.port ?? NaN);
  const errno = named?.fields.errno ?? system?.code;
  const isListen = named !== null || system?.syscall === 'listen';
  if (!isListen || typeof host !== 'string' || !Number.isInteger(port) || typeof errno !== 'string')
    return null;
  return { host, port, errno };
}

interface SystemError {
  code: string;
  syscall: string;
  address: string;
  port: number;
}

function sameAddress(a: { host: string; port: number }, b: { host: string; port: number }): boolean {
  return a.port === b.port && (a.host === b.host || a.host === 'localhost');
}
