// `weir plugins reload`: asks the Weir that runs by this configuration, over its dashboard and with its token, to set
// one plugin up anew. What happens there is src/app/reload.ts.

import { loadConfig } from '../config/load.ts';
import { readTokenFile, tokenFileIn } from '../dashboard/access.ts';
import { ConfigError, messageOf, printable } from '../errors.ts';
import { formatAuthority } from '../util/authority.ts';
import { type ConfigOption, configSource } from './context.ts';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

const PATIENCE_MS = 60_000;

interface Reply {
  readonly applied?: readonly string[];
  readonly warnings?: readonly string[];
  readonly error?: string;
  readonly hint?: string;
}

/**
 * @returns the exit code
 * @throws {ConfigError} `ERR_CONFIG_…`: the configuration has no dashboard at a known port, or no token is there
 */
export async function reloadPlugin(
  name: string,
  options: ConfigOption & { readonly json?: true },
  terminal: Terminal,
): Promise<number> {
  const { config } = await loadConfig(configSource(options, terminal));
  const { listen, token: configured } = config.dashboard;
  if (listen === null || listen.port === 0) {
    const text = `${listen === null ? 'dashboard.listen: null' : 'dashboard.listen has port 0'}: plugins are reloaded over the dashboard; give it an address, or send SIGHUP to reload all`;
    throw new ConfigError('ERR_CONFIG_VALUE', text, { path: 'dashboard.listen' });
  }
  const tokenFile = tokenFileIn(config.proxy.certs);
  const token = configured ?? readTokenFile(tokenFile);
  if (token === null) {
    const text = `${tokenFile}: no token that can be read: is Weir started with this configuration, by this user? Or set dashboard.token`;
    throw new ConfigError('ERR_CONFIG_UNREADABLE', text, { path: tokenFile });
  }
  const fail = (why: string): number => {
    terminal.stderr.write(`weir: ${why}\n`);
    return EXIT_FAILED;
  };
  const host = listen.host === '0.0.0.0' ? '127.0.0.1' : listen.host === '::' ? '::1' : listen.host;
  const address = formatAuthority(host, listen.port);
  let reply: Reply;
  let status: number;
  try {
    const answer = await fetch(`http://${address}/api/plugins/${encodeURIComponent(name)}/reload`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        'X-Weir-Request': '1',
      },
      body: '{}',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    status = answer.status;
    reply = (await answer.json()) as Reply;
  } catch (error) {
    const cause = (error as { cause?: unknown }).cause ?? error;
    return fail(`no Weir answers at ${address} (${messageOf(cause)}): start it, or name its --config`);
  }
  if (status !== 200) {
    const { error = `status ${status}`, hint } = reply;
    return fail(`${printable(name)}: ${error}${hint === undefined ? '' : `; ${hint}`}`);
  }
  const { applied = [], warnings = [] } = reply;
  for (const warning of warnings) terminal.stderr.write(`warning: ${warning}\n`);
  terminal.stdout.write(
    options.json === true
      ? `${JSON.stringify({ applied, warnings }, null, 2)}\n`
      : `reloaded: ${applied.join(', ')}\n`,
  );
  return EXIT_OK;
}
