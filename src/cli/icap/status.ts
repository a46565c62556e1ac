// `weir icap status`: how the ICAP services of a running Weir are, as its dashboard tells it. The token is
// read from where the running instance keeps it, so that on the same machine nothing has to be typed.

import { type Command, Option } from 'commander';
import { loadConfig, type ResolvedConfig } from '../../config/load.ts';
import { readTokenFile, tokenFileIn } from '../../dashboard/access.ts';
import type { ServicesReport } from '../../dashboard/status.ts';
import { ConfigError, reasonOf, WeirError } from '../../errors.ts';
import { formatAuthority } from '../../util/authority.ts';
import { type CommandContext, configOption, type ConfigOption, configSource, examples } from '../context.ts';
import { EXIT_FAILED, EXIT_OK } from '../exit-codes.ts';
import { hostToReach } from '../overrides.ts';
import type { Terminal } from '../terminal.ts';
import { statusLines } from './status-output.ts';

const TIMEOUT_MS = 10_000;
const MAX_ANSWER = 4 * 1024 * 1024; // bytes

const NOTES = `
The token is --token, else dashboard.token of the configuration, else what certs/dashboard.token holds, which a
running Weir writes there for its own user.
Exit: 0 every service is up, 1 one is not or Weir was not reached, 2 wrong usage.
`;

interface StatusFlags extends ConfigOption {
  readonly url?: string;
  readonly token?: string;
  readonly json?: true;
}

/** Adds `status` to the command `icap`. */
export function addStatusCommand(icap: Command, context: CommandContext): void {
  icap
    .command('status')
    .description('show how the ICAP services of a running Weir are')
    .addOption(configOption())
    .addOption(
      new Option('--url <url>', 'the dashboard of the running Weir (default: what the configuration says)'),
    )
    .option('--token <token>', 'its token')
    .option('--json', 'print what the dashboard says, as JSON')
    .addHelpText(
      'after',
      `${NOTES}${examples('weir icap status', 'weir icap status --url http://10.0.0.5:8090 --token "$TOKEN" --json')}`,
    )
    .action(async (flags: StatusFlags) => {
      context.exitCode = await run(flags, context.terminal);
    });
}

async function run(flags: StatusFlags, terminal: Terminal): Promise<number> {
  const { config } = await loadConfig(configSource(flags, terminal));
  const report = await fetchReport(urlOf(flags, config), tokenOf(flags, config));
  const text =
    flags.json === true ? JSON.stringify(report, null, 2) : statusLines(report, terminal.stdout).join('\n');
  terminal.stdout.write(`${text}\n`);
  return report.services.every(({ state }) => state === 'up') ? EXIT_OK : EXIT_FAILED;
}

function urlOf({ url }: StatusFlags, { dashboard: { listen } }: ResolvedConfig): URL {
  if (url !== undefined) {
    const parsed = URL.canParse(url) ? new URL(url) : null;
    if (parsed?.protocol === 'http:') return new URL('/api/services', parsed);
    throw new ConfigError('ERR_CONFIG_VALUE', `--url: expected http://host:port, got "${url}"`);
  }
  if (listen === null || listen.port === 0) {
    const text = 'the configuration names no address of the dashboard (dashboard.listen): give it with --url';
    throw new ConfigError('ERR_CONFIG_VALUE', text);
  }
  return new URL(`http://${formatAuthority(hostToReach(listen.host), listen.port)}/api/services`);
}

function tokenOf({ token }: StatusFlags, { dashboard, proxy }: ResolvedConfig): string {
  const found = token ?? dashboard.token ?? readTokenFile(tokenFileIn(proxy.certs));
  if (found !== null && /^[!-~]{1,256}$/.test(found)) return found;
  const file = tokenFileIn(proxy.certs);
  throw new WeirError('ERR_STATUS_TOKEN', `no token: ${file} is not there, or not for this user to read`);
}

async function fetchReport(url: URL, token: string): Promise<ServicesReport> {
  let response: Response;
  let text: string;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const headers = { Authorization: `Bearer ${token}` };
    response = await fetch(url, { headers, redirect: 'error', signal });
    text = await boundedText(response);
  } catch (error) {
    const cause = (error as { cause?: unknown }).cause ?? error;
    const text = `cannot reach the dashboard at ${url.host}: ${reasonOf(cause)}`;
    throw new WeirError('ERR_STATUS_CONNECT', text, { host: url.host }, error);
  }
  if (response.status === 401)
    throw new WeirError('ERR_STATUS_TOKEN', `${url.host} does not accept the token`);
  const report = response.status === 200 ? parsed(text) : null;
  if (report !== null) return report;
  const what = `${url.host} answers ${response.status} and no list of services`;
  throw new WeirError('ERR_STATUS_CONNECT', what, { host: url.host });
}

/** The body, up to a size that no list of services has. */
async function boundedText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > MAX_ANSWER) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Null for what another program may have said on that port. */
function parsed(text: string): ServicesReport | null {
  try {
    const report = JSON.parse(text) as Partial<ServicesReport> | null;
    const sound = Array.isArray(report?.services) && Array.isArray(report.steps);
    return sound ? (report as ServicesReport) : null;
  } catch {
    return null;
  }
}
