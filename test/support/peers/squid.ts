// Squid (OpenSSL flavour) as the foreign ICAP client: intercepts TLS and sends every request and every
// response to the given ICAP services. Everything it writes is in a temporary folder.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, readdir, readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { accepts, freePort, supervise } from '../supervised.ts';
import { tempDir } from '../tempDir.ts';
import { newTestCa } from '../testCa.ts';
import { PEERS } from './find.mjs';
import { requirePeer } from './requirePeer.ts';

const run = promisify(execFile);
const NCSA_AUTH = '/usr/lib/squid/basic_ncsa_auth'; // in Debian's package

export interface Squid extends AsyncDisposable {
  readonly port: number;
  /** PEM file of the CA that signs what clients see. */
  readonly caPath: string;
  /** PEM text of the same. */
  readonly ca: string;
  /** access.log. */
  log(): Promise<string>;
  /** cache.log: Squid's own messages. */
  cacheLog(): Promise<string>;
  stop(): Promise<void>;
}

export interface SquidOptions {
  /** ICAP URL for requests; null for none. */
  readonly reqmod?: string | null;
  /** ICAP URL for responses; null for none. */
  readonly respmod?: string | null;
  /** PEM file of the CA that vouches for origins. */
  readonly originCaPath?: string;
  /** Host names that resolve to 127.0.0.1, beside `localhost` and `origin.test`. */
  readonly hosts?: readonly string[];
  /** Bytes of preview at most (the server's own Preview may be lower); null: no previews. Default 1024. */
  readonly preview?: number | null;
  /** Offer `Allow: 206`. Default false. (`Allow: trailers` Squid 5 offers by itself.) */
  readonly allow206?: boolean;
  /** Let messages pass when the ICAP service fails. Default false. */
  readonly bypass?: boolean;
  /** False: a plain forward proxy that passes CONNECT through. Default true. */
  readonly bump?: boolean;
  /** Who may use it, by log-in. Default: everybody. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Further lines of squid.conf, put last; `%folder` is the folder of its files. */
  readonly config?: readonly string[];
}

/** Starts Squid in the foreground on a free port, bumping every CONNECT. */
export async function startSquid(options: SquidOptions = {}): Promise<Squid> {
  const command = requirePeer('squid');
  const ca = await newTestCa('Squid test CA');
  const folder = await tempDir('weir-squid-');
  const name = `weir${randomBytes(6).toString('hex')}`; // names its shared memory; letters and digits only
  const stopAll = async (server?: { stop(): Promise<void> }): Promise<void> => {
    await server?.stop();
    await removeSharedMemory(name);
    await folder[Symbol.asyncDispose]();
  };
  try {
    const port = await freePort();
    await folder.write('ca-with-key.pem', ca.key + ca.cert, 0o600);
    const caPath = await folder.write('ca.pem', ca.cert);
    const hosts = ['localhost', 'origin.test', ...(options.hosts ?? [])];
    await folder.write('hosts', hosts.map((host) => `127.0.0.1 ${host}\n`).join(''));
    const originCa = options.originCaPath === undefined ? '' : await readFile(options.originCaPath, 'utf8');
    await folder.write('origin-ca.pem', originCa);
    const certgen = PEERS.squid?.file as string;
    await run(certgen, ['-c', '-s', folder.join('ssl_db'), '-M', '4MB']);
    if (options.login !== undefined) await folder.write('users', await passwordLine(options.login));
    const lines = configuration(port, certgen, (file) => folder.join(file), options);
    const config = await folder.write('squid.conf', `${lines.join('\n')}\n`);
    if (process.getuid?.() === 0) await giveToProxyUser(folder.path);
    const cacheLog = (): Promise<string> => readFile(folder.join('cache.log'), 'utf8');
    const server = await supervise(command, ['-N', '-n', name, '-f', config], {
      ready: () => accepts(port),
      log: cacheLog,
      cwd: folder.path,
      impatient: true,
    });
    const stop = (): Promise<void> => stopAll(server);
    return {
      port,
      caPath,
      ca: ca.cert,
      log: () => readFile(folder.join('access.log'), 'utf8'),
      cacheLog,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

function configuration(
  port: number,
  certgen: string,
  join: (file: string) => string,
  options: SquidOptions,
): string[] {
  const onOff = (value: boolean): string => (value ? 'on' : 'off');
  const preview = options.preview === undefined ? 1024 : options.preview;
  const service = (id: string, point: string, url: string | null | undefined): string[] =>
    url === undefined || url === null
      ? []
      : [
          `icap_service ${id} ${point} ${url} bypass=${onOff(options.bypass ?? false)}`,
          `adaptation_access ${id} allow all`,
        ];
  const bumped = [
    `http_port 127.0.0.1:${port} ssl-bump cert=${join('ca-with-key.pem')} generate-host-certificates=on dynamic_cert_mem_cache_size=4MB`,
    `sslcrtd_program ${certgen} -s ${join('ssl_db')} -M 4MB`,
    'sslcrtd_children 2 startup=1 idle=1',
    'ssl_bump bump all',
  ];
  const guarded = [
    `auth_param basic program ${NCSA_AUTH} ${join('users')}`,
    'auth_param basic children 1 startup=1 idle=1',
    'acl users proxy_auth REQUIRED',
    'http_access allow users',
    'http_access deny all',
  ];
  return [
    ...(options.bump === false ? [`http_port 127.0.0.1:${port}`] : bumped),
    ...(options.originCaPath === undefined ? [] : [`tls_outgoing_options cafile=${join('origin-ca.pem')}`]),
    ...(options.login === undefined ? ['http_access allow all'] : guarded),
    'cache deny all',
    'cache_mem 8 MB',
    'pinger_enable off',
    'dns_nameservers 127.0.0.1', // names come from the hosts file alone
    `hosts_file ${join('hosts')}`,
    'visible_hostname squid.test',
    'shutdown_lifetime 0 seconds',
    `pid_filename ${join('squid.pid')}`,
    `coredump_dir ${join('.')}`,
    `cache_log ${join('cache.log')}`,
    `access_log stdio:${join('access.log')}`,
    `icap_enable ${onOff(Boolean(options.reqmod ?? options.respmod))}`,
    `icap_preview_enable ${onOff(preview !== null)}`,
    ...(preview === null ? [] : [`icap_preview_size ${preview}`]),
    `icap_206_enable ${onOff(options.allow206 ?? false)}`,
    'adaptation_send_client_ip on',
    ...service('weir_req', 'reqmod_precache', options.reqmod),
    ...service('weir_resp', 'respmod_precache', options.respmod),
    ...(options.config ?? []).map((line) => line.replaceAll('%folder', join('.'))),
  ];
}

/** A line of Squid's password file. */
async function passwordLine({ user, password }: { user: string; password: string }): Promise<string> {
  const { stdout } = await run('openssl', ['passwd', '-apr1', password]);
  return `${user}:${stdout}`;
}

/** Squid started by root becomes `proxy`, who must be able to use the folder. */
async function giveToProxyUser(folder: string): Promise<void> {
  const { stdout } = await run('id', ['-u', 'proxy']);
  const { stdout: group } = await run('id', ['-g', 'proxy']);
  for (const entry of ['', ...(await readdir(folder, { recursive: true }))]) {
    await chown(`${folder}/${entry}`, Number(stdout), Number(group));
  }
}

/** Squid leaves its shared memory segments behind when it is stopped. */
async function removeSharedMemory(name: string): Promise<void> {
  const segments = await readdir('/dev/shm').catch(() => []);
  for (const segment of segments) {
    if (segment.startsWith(`${name}-`)) await rm(`/dev/shm/${segment}`, { force: true });
  }
}
