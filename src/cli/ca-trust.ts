// `weir ca trust` and `weir ca untrust`: let the programs of this machine trust the CA, and take exactly that
// back. Only the certificate is read, never the key. What stores there are is src/trust.

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { type Command, Option } from 'commander';
import { pemBlocks, splitBundle } from '../ca/bundle.ts';
import { certificatePathIn, errnoOf } from '../ca/files.ts';
import { ConfigError, TlsError } from '../errors.ts';
import { shellLine } from '../trust/steps.ts';
import { type Machine, STORE_KINDS, type StoreKind } from '../trust/store.ts';
import { type Report, type Result, TrustInstaller } from '../trust/trust.ts';
import { caPlace, withFolder } from './ca-folder.ts';
import type { CaOptions } from './ca-folder.ts';
import { type CommandContext, examples } from './context.ts';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.ts';
import { shellWord, shortPath } from './shell.ts';
import type { Terminal } from './terminal.ts';

interface TrustOptions extends CaOptions {
  readonly store?: string;
  readonly dryRun?: true;
}

export function addCaTrust(ca: Command, context: CommandContext): void {
  const { terminal } = context;
  withStores(withFolder(ca.command('trust').description('let the programs of this machine trust the CA')))
    .addHelpText(
      'after',
      examples('weir ca trust', 'weir ca trust --store nss,java', 'sudo weir ca trust --store system'),
    )
    .action(async (options: TrustOptions) => {
      const machine = thisMachine();
      const chosen = kindsOf(options, machine); // a wrong word is told before a missing CA
      const { folder } = await caPlace(options, terminal);
      const certificates = await certificatesIn(folder);
      const { dryRun = false } = options;
      const report = await new TrustInstaller(machine).trust(certificates, { kinds: chosen.kinds, dryRun });
      const again = ['weir', 'ca', 'trust', '--store', 'system,java', '--certs', folder];
      context.exitCode = tell(withNotes(report, chosen.note), options, again, terminal);
    });

  withStores(ca.command('untrust').description('take out of the stores what `ca trust` has put there'))
    .addHelpText('after', examples('weir ca untrust', 'sudo weir ca untrust'))
    .action(async (options: TrustOptions) => {
      const machine = thisMachine();
      const { kinds } = kindsOf({ store: options.store ?? STORE_KINDS.join(',') }, machine);
      const { dryRun = false } = options;
      const report = await new TrustInstaller(machine).untrust({ kinds, dryRun });
      if (report.results.length === 0 && options.json !== true) {
        const other = machine.isRoot ? '' : ' What root has put into the stores: sudo weir ca untrust';
        terminal.stdout.write(`nothing was put into a store by this user.${other}\n`);
      }
      context.exitCode = tell(report, options, ['weir', 'ca', 'untrust'], terminal);
    });
}

function withStores(command: Command): Command {
  return command
    .addOption(new Option('--store <kinds>', `which stores: ${STORE_KINDS.join(', ')} (default: all)`))
    .option('--dry-run', 'print the commands, change nothing')
    .option('--json', 'print {results: [{kind, label, place, outcome, …}], missing, notes}');
}

function thisMachine(): Machine {
  const isRoot = process.getuid?.() === 0;
  return {
    platform: process.platform,
    home: process.env['HOME'] ?? homedir(),
    isRoot,
    env: process.env,
    root: '',
  };
}

/** @throws {ConfigError} `ERR_CONFIG_VALUE` */
function kindsOf(
  { store }: { readonly store?: string },
  { isRoot, env }: Machine,
): { kinds: StoreKind[]; note: string | null } {
  if (store === undefined) {
    // What sudo makes in somebody's home would belong to root, and their browsers could not change it.
    const byProxy = isRoot && env['SUDO_UID'] !== undefined && env['SUDO_UID'] !== '0';
    if (!byProxy) return { kinds: [...STORE_KINDS], note: null };
    return {
      kinds: ['system', 'java'],
      note: 'browsers have stores of their users: run weir ca trust once more without sudo',
    };
  }
  const names = store.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !(STORE_KINDS as readonly string[]).includes(name));
  if (unknown !== undefined) {
    const text = `--store: expected ${STORE_KINDS.join(', ')}, or several of them with commas, got "${unknown}"`;
    throw new ConfigError('ERR_CONFIG_VALUE', text);
  }
  return { kinds: STORE_KINDS.filter((kind) => names.includes(kind)), note: null };
}

/**
 * What clients are to trust: the root of the CA in use, and those before and after it.
 * @throws {TlsError} `ERR_CA_UNREADABLE`, `ERR_CA_INVALID`
 */
async function certificatesIn(folder: string): Promise<X509Certificate[]> {
  const file = certificatePathIn(folder);
  let text: string;
  try {
    text = await readFile(file, 'latin1');
  } catch (error) {
    const errno = errnoOf(error) ?? 'unknown';
    const hint = errno === 'ENOENT' ? 'make a CA with `weir ca init`' : 'check its permissions';
    throw new TlsError('ERR_CA_UNREADABLE', `cannot read ${file} (${errno}): ${hint}`, { path: file }, error);
  }
  const { chain, besides } = splitBundle(text);
  const pems = [...pemBlocks(chain).slice(-1), ...besides];
  try {
    if (pems.length > 0) return pems.map((pem) => new X509Certificate(pem));
  } catch {
    // told below
  }
  throw new TlsError('ERR_CA_INVALID', `${file} holds no certificate`, { path: file });
}

function withNotes(report: Report, note: string | null): Report {
  return note === null ? report : { ...report, notes: [...report.notes, note] };
}

const WORDS: Readonly<Record<Result['outcome'], string>> = {
  added: 'trusts it now',
  kept: 'trusts it already',
  removed: 'taken out',
  gone: 'was gone already',
  planned: 'to do',
  'not-allowed': 'needs root',
  failed: 'failed',
};

/** @returns the exit code: 1 when a store is not as it should be */
function tell(report: Report, options: TrustOptions, again: readonly string[], terminal: Terminal): number {
  const { results, missing, notes } = report;
  const refused = results.some(({ outcome }) => outcome === 'not-allowed');
  const isFine = missing.length === 0 && !refused && results.every(({ outcome }) => outcome !== 'failed');
  if (options.json === true) {
    const told = results.map(({ steps, ...result }) => {
      return steps === undefined ? result : { ...result, commands: steps.map(shellLine) };
    });
    terminal.stdout.write(`${JSON.stringify({ results: told, missing, notes }, null, 2)}\n`);
    return isFine ? EXIT_OK : EXIT_FAILED;
  }
  for (const { label, place, outcome, problem, steps } of results) {
    const shown = shortPath(place, terminal.cwd);
    if (steps !== undefined) {
      terminal.stdout.write(`# ${label}: ${shown}\n${steps.map((step) => `${shellLine(step)}\n`).join('')}`);
    } else {
      const why = problem === undefined ? '' : `: ${problem}`;
      terminal.stdout.write(`${WORDS[outcome].padEnd(18)} ${label}  ${shown}${why}\n`);
    }
  }
  for (const note of notes) terminal.stdout.write(`note: ${note}\n`);
  for (const text of missing) terminal.stderr.write(`weir: ${text}\n`);
  if (refused) {
    terminal.stderr.write(`weir: root may change the others:\n  sudo ${again.map(shellWord).join(' ')}\n`);
  }
  if (isFine && options.dryRun !== true && results.some(({ outcome }) => outcome === 'added')) {
    terminal.stdout.write('Browsers and programs that run notice it when they are started anew.\n');
    terminal.stdout.write(
      'Node.js has roots of its own: export NODE_EXTRA_CA_CERTS with the path of ca.pem.\n',
    );
  }
  return isFine ? EXIT_OK : EXIT_FAILED;
}
