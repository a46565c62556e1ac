// A Kerberos realm of its own: Debian's KDC in a temporary folder, with a service and users, for log-ins by
// Negotiate (RFC 4559) that no stand-in could prove.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { accepts, freePort, supervise } from '../supervised.ts';
import { tempDir } from '../tempDir.ts';
import { requirePeer } from './requirePeer.ts';

const REALM = 'WEIR.TEST';

export interface Realm extends AsyncDisposable {
  readonly name: string;
  /** Key of the service `HTTP/localhost`. */
  readonly keytab: string;
  /** For programs that take part; `as` with the tickets of that user. */
  env(as?: string): Record<string, string>;
  /** Gets a user's first ticket. */
  logIn(user: string): Promise<void>;
}

/** Starts a realm with these users, whose passwords are their names. */
export async function startRealm(users: readonly string[]): Promise<Realm> {
  const folder = await tempDir();
  const port = await freePort();
  const keytab = folder.join('service.keytab');
  const config = await folder.write(
    'krb5.conf',
    `[libdefaults]
 default_realm = ${REALM}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
[realms]
 ${REALM} = {
  kdc = 127.0.0.1:${port}
 }
[domain_realm]
 localhost = ${REALM}
`,
  );
  const kdcConfig = await folder.write(
    'kdc.conf',
    `[kdcdefaults]
 kdc_listen = 127.0.0.1:${port}
 kdc_tcp_listen = 127.0.0.1:${port}
[realms]
 ${REALM} = {
  database_name = ${folder.join('principal')}
  key_stash_file = ${folder.join('stash')}
  acl_file = ${folder.join('acl')}
 }
`,
  );
  const common = {
    KRB5_CONFIG: config,
    KRB5_KDC_PROFILE: kdcConfig,
    KRB5RCACHEDIR: folder.path,
  };
  const env = (as?: string): Record<string, string> => ({
    ...common,
    ...(as === undefined ? {} : { KRB5CCNAME: `FILE:${folder.join(`tickets-${as}`)}` }),
  });
  const run = (command: string, args: readonly string[], more = env()): Promise<unknown> =>
    promisify(execFile)(command, args, { env: { ...process.env, ...more } });
  const admin = requirePeer('kadmin.local');
  try {
    await run(admin.replace(/kadmin\.local$/, 'kdb5_util'), ['create', '-s', '-r', REALM, '-P', 'master']);
    for (const user of users) await run(admin, ['-q', `addprinc -pw ${user} ${user}`]);
    await run(admin, ['-q', 'addprinc -randkey HTTP/localhost']);
    await run(admin, ['-q', `ktadd -k ${keytab} HTTP/localhost`]);
    const assignments = Object.entries(common).map(([name, value]) => `${name}=${value}`);
    const kdc = await supervise('/usr/bin/env', [...assignments, requirePeer('krb5kdc'), '-n'], {
      ready: () => accepts(port),
      impatient: true,
    });
    return {
      ...{ name: REALM, keytab, env },
      async logIn(user) {
        const child = promisify(execFile)(requirePeer('kinit'), [user], {
          env: { ...process.env, ...env(user) },
        });
        child.child.stdin!.end(`${user}\n`);
        await child;
      },
      async [Symbol.asyncDispose]() {
        await kdc.stop();
        await folder[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}
