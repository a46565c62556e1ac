// The trust stores of Java installations: cacerts of each, changed with the keytool beside it. Several
// installations may share one.

import { constants, existsSync, readdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { isAccessible, outcomeOf, programOn } from './steps.ts';
import { type Found, type Machine, nothingFound, type Step, type TrustStore } from './store.ts';

/** What everybody's cacerts is protected with; not a secret. */
const PASSWORD = 'changeit';
const MAX_INSTALLATIONS = 32;
/** For a program that ends before a better compiler would pay. */
const QUICK = ['-J-XX:TieredStopAtLevel=1', '-J-Xshare:auto'];

export function javaStores(machine: Machine): Found {
  const { env, root, platform } = machine;
  const keytool = platform === 'win32' ? 'keytool.exe' : 'keytool';
  const known = [env['JAVA_HOME'], homeOf(programOn(env, [keytool])), homeOf(programOn(env, ['java']))];
  const homes = [
    ...known.filter((home) => home !== undefined && home !== null && home !== ''),
    ...foldersIn(`${root}/usr/lib/jvm`),
    ...foldersIn(`${root}/Library/Java/JavaVirtualMachines`).map((one) => path.join(one, 'Contents/Home')),
  ].slice(0, MAX_INSTALLATIONS) as string[];
  const stores = new Map<string, TrustStore>();
  const missing: string[] = [];
  for (const home of homes) {
    const file = cacertsOf(home);
    if (file === null || stores.has(file)) continue;
    const program = path.join(home, 'bin', keytool);
    if (existsSync(program)) stores.set(file, javaStore(file, home, program));
    else missing.push(`${home} has no keytool, which its trust store is changed with`);
  }
  return { ...nothingFound(), stores: [...stores.values()], missing };
}

function homeOf(program: string | null): string | null {
  return program === null ? null : path.dirname(path.dirname(realpathSync(program)));
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => path.join(folder, name));
  } catch {
    return [];
  }
}

/** Real path, so that a store that is shared is met once. */
function cacertsOf(home: string): string | null {
  const file = ['lib/security/cacerts', 'jre/lib/security/cacerts']
    .map((name) => path.join(home, name))
    .find((name) => existsSync(name));
  return file === undefined ? null : realpathSync(file);
}

function javaStore(file: string, home: string, keytool: string): TrustStore {
  const base = ['-keystore', file, '-storepass', PASSWORD] as const;
  const list = async (...more: string[]): Promise<string> => {
    const { code, stdout } = await outcomeOf([keytool, ...QUICK, '-list', ...more, ...base]);
    return code === 0 ? stdout : '';
  };
  return {
    kind: 'java',
    label: `Java (${path.basename(home)})`,
    place: file,
    writable: isAccessible(file, constants.W_OK),
    trusts: async ({ fingerprint256 }) => (await list()).includes(fingerprint256),
    holds: async ({ name, fingerprint }) => (await list('-alias', name)).includes(fingerprint),
    install: ({ name }, certificate) => {
      const pem = `${file}.${name}.pem`;
      const add: Step = {
        do: 'run',
        command: [keytool, '-importcert', '-noprompt', '-alias', name, '-file', pem, ...base],
      };
      return [{ do: 'write', file: pem, content: certificate.toString() }, add, { do: 'remove', file: pem }];
    },
    remove: ({ name }) => [{ do: 'run', command: [keytool, '-delete', '-alias', name, ...base] }],
  };
}
