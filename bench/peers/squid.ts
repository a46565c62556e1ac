// Squid with TLS interception of everything, both adaptation points at c-icap's echo, no cache, no logs.
// It reads the client hello before it bumps, as the examples of its documentation do: so it knows the name that the
// client wants, and its leafs take after the origin's certificate. `squid-early` bumps without looking,
// `squid-splice` decrypts nothing.
import { mkdirSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { freePort, startServer, TEST_CORE } from '../host/child.ts';
import { certgenPath, runTool } from '../host/requirements.ts';
import { makeProxyCa } from '../lab/certificates.ts';
import { uniqueName } from '../lab/names.ts';
import { ORIGIN_HOST } from '../works.ts';
import { startCIcap } from './c-icap.ts';
import type { Peer, Run } from './peer.ts';

/** Squid takes addresses of names from a hosts file, so that no DNS server takes part. */
function hostsFile(names: number): string {
  const lines = [`127.0.0.1 ${ORIGIN_HOST}`];
  for (let index = 0; index < names; index++) lines.push(`127.0.0.1 ${uniqueName(index)}`);
  return `${lines.join('\n')}\n`;
}

export type SquidMode = 'squid' | 'squid-early' | 'squid-splice';

const BUMPING: Readonly<Record<SquidMode, string>> = {
  squid: 'acl step1 at_step SslBump1\nssl_bump peek step1\nssl_bump bump all',
  'squid-early': 'ssl_bump bump all',
  'squid-splice': 'acl step1 at_step SslBump1\nssl_bump peek step1\nssl_bump splice all',
};

function squidConfiguration(
  mode: SquidMode,
  home: string,
  port: number,
  ca: { certificate: string; key: string },
  run: Run,
  icapUrl: string,
): string {
  const certgen = certgenPath() ?? 'security_file_certgen';
  return `http_port 127.0.0.1:${port} ssl-bump tls-cert=${ca.certificate} tls-key=${ca.key} generate-host-certificates=on dynamic_cert_mem_cache_size=64MB
sslcrtd_program ${certgen} -s ${join(home, 'leafs')} -M 64MB
${BUMPING[mode]}
tls_outgoing_options cafile=${run.certificates.originCa}
hosts_file ${join(home, 'hosts')}
http_access allow all
cache deny all
cache_mem 0
access_log none
cache_log ${join(home, 'cache.log')}
cache_store_log none
netdb_filename none
pid_filename ${join(home, 'squid.pid')}
coredump_dir ${home}
pinger_enable off
visible_hostname bench
shutdown_lifetime 0 seconds
max_filedescriptors 16384
icap_enable on
icap_preview_enable on
icap_preview_size 1024
icap_persistent_connections on
icap_service echo_request reqmod_precache ${icapUrl} bypass=off
icap_service echo_response respmod_precache ${icapUrl} bypass=off
adaptation_access echo_request allow all
adaptation_access echo_response allow all
`;
}

/** As root, Squid becomes the user it was built for, who then needs the peer's files. */
function handOver(home: string): void {
  if (process.getuid?.() !== 0) return;
  const built = execFileSync('squid', ['-v'], { encoding: 'utf8' });
  runTool('chown', ['-R', /--with-default-user=(\w+)/.exec(built)?.[1] ?? 'nobody', home]);
}

/**
 * Starts Squid and a c-icap of its own, both on the tested core.
 *
 * @throws {Error} one of them did not start; the message has its output
 */
export async function startSquid(mode: SquidMode, run: Run): Promise<Peer> {
  const home = run.folder;
  mkdirSync(home, { recursive: true });
  const ca = makeProxyCa(home);
  const icap = await startCIcap(home);
  try {
    const port = await freePort();
    const configuration = join(home, 'squid.conf');
    writeFileSync(join(home, 'hosts'), hostsFile(run.names));
    writeFileSync(configuration, squidConfiguration(mode, home, port, ca, run, icap.url));
    runTool(certgenPath() as string, ['-c', '-s', join(home, 'leafs'), '-M', '64MB']);
    handOver(home);
    const args = ['-N', '-f', configuration];
    const proxy = await startServer({ name: mode, core: TEST_CORE, command: 'squid', args, port });
    const servers = [proxy, icap.server];
    const stop = async (): Promise<void> => {
      await Promise.all(servers.map((server) => server.stop()));
    };
    return { id: mode === 'squid-splice' ? 'squid' : mode, port, ca: ca.certificate, proxy, servers, stop };
  } catch (error) {
    await icap.server.stop();
    throw error;
  }
}
