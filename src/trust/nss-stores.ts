// The NSS databases of browsers: one that Chromium and Chrome share, one in each profile of Firefox; also those
// of snaps and flatpaks. They belong to a user, so root's are not looked for on somebody's behalf.

import { X509Certificate } from 'node:crypto';
import { constants, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { isAccessible, outcomeOf, programOn } from './steps.ts';
import { type Found, type Machine, nothingFound, type Step, type TrustStore } from './store.ts';

const MAX_DATABASES = 64;
const MAX_CERTIFICATES = 200; // of one database that are looked at

const CHROMIUM_DATABASES = [
  '.pki/nssdb',
  '.local/share/pki/nssdb',
  'snap/chromium/current/.pki/nssdb',
  '.var/app/org.chromium.Chromium/data/pki/nssdb',
  '.var/app/com.google.Chrome/data/pki/nssdb',
  '.var/app/com.microsoft.Edge/data/pki/nssdb',
  '.var/app/com.brave.Browser/data/pki/nssdb',
];

const FIREFOX_FOLDERS = [
  '.mozilla/firefox',
  '.config/mozilla/firefox',
  'snap/firefox/common/.mozilla/firefox',
  '.var/app/org.mozilla.firefox/.mozilla/firefox',
  '.var/app/org.mozilla.firefox/config/mozilla/firefox',
  '.librewolf',
  'Library/Application Support/Firefox/Profiles',
];

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const PROGRAMS = ['certutil', 'nss-certutil'];
const HOMEBREW = '/opt/homebrew/opt/nss/bin:/usr/local/opt/nss/bin';

export function nssStores({ platform, home, env }: Machine): Found {
  if (platform === 'win32') {
    const note = 'Firefox on Windows trusts what the system trusts; its own databases are left alone';
    return { ...nothingFound(), notes: [note] };
  }
  const databases = databasesIn(home, env);
  if (databases.length === 0) return nothingFound();
  const certutil = programOn({ PATH: `${env['PATH'] ?? ''}:${HOMEBREW}` }, PROGRAMS);
  if (certutil === null) {
    const name = platform === 'darwin' ? 'brew install nss' : 'apt install libnss3-tools (or: nss-tools)';
    const text = `certutil is missing, which browsers' databases are changed with: ${name}`;
    return { ...nothingFound(), missing: [text] };
  }
  return { ...nothingFound(), stores: databases.map((database) => nssStore(database, certutil)) };
}

interface Database {
  readonly folder: string;
  readonly label: string;
  /** It has to be made first. */
  readonly isNew: boolean;
}

function databasesIn(home: string, env: NodeJS.ProcessEnv): Database[] {
  const chromium = CHROMIUM_DATABASES.map((name) => path.join(home, name))
    .filter(isDatabase)
    .map((folder) => ({ folder, label: 'Chromium, Chrome', isNew: false }));
  const firefox = FIREFOX_FOLDERS.flatMap((name) => foldersIn(path.join(home, name)))
    .filter(isDatabase)
    .map((folder) => ({ folder, label: `Firefox (${path.basename(folder)})`, isNew: false }));
  // A browser that never ran has none yet, and takes over the one that it finds.
  if (chromium.length === 0 && programOn(env, BROWSERS) !== null) {
    chromium.push({
      folder: path.join(home, CHROMIUM_DATABASES[0]!),
      label: 'Chromium, Chrome',
      isNew: true,
    });
  }
  return [...chromium, ...firefox].slice(0, MAX_DATABASES);
}

function isDatabase(folder: string): boolean {
  return existsSync(path.join(folder, 'cert9.db'));
}

function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => path.join(folder, name));
  } catch {
    return [];
  }
}

function nssStore({ folder, label, isNew }: Database, certutil: string): TrustStore {
  const database = `sql:${folder}`;
  const read = async (name: string): Promise<string | null> => {
    const { code, stdout } = await outcomeOf([certutil, '-d', database, '-L', '-n', name, '-a']);
    return code === 0 ? fingerprintOf(stdout) : null;
  };
  const make: Step[] = [
    { do: 'folder', folder },
    { do: 'run', command: [certutil, '-d', database, '-N', '--empty-password'] },
  ];
  return {
    kind: 'nss',
    label,
    place: folder,
    writable: isNew || isAccessible(path.join(folder, 'cert9.db'), constants.W_OK),
    trusts: async ({ fingerprint256 }) => {
      if (!isDatabase(folder)) return false;
      for (const name of await trustedNames(certutil, database)) {
        if ((await read(name)) === fingerprint256) return true;
      }
      return false;
    },
    holds: async ({ name, fingerprint }) => (await read(name)) === fingerprint,
    install: ({ name }, certificate) => {
      const file = path.join(folder, `${name}.pem`);
      const add: Step = {
        do: 'run',
        command: [certutil, '-d', database, '-A', '-t', 'C,,', '-n', name, '-i', file],
      };
      return [
        ...(isDatabase(folder) ? [] : make),
        { do: 'write', file, content: certificate.toString() },
        add,
        { do: 'remove', file },
      ];
    },
    remove: ({ name }) => [{ do: 'run', command: [certutil, '-d', database, '-D', '-n', name] }],
  };
}

/** Nicknames of CAs that are trusted for TLS. */
async function trustedNames(certutil: string, database: string): Promise<string[]> {
  const { stdout } = await outcomeOf([certutil, '-d', database, '-L']);
  const names = stdout.split('\n').flatMap((line) => {
    const match = /^(.+?)\s+([a-zA-Z]*),[a-zA-Z]*,[a-zA-Z]*\s*$/.exec(line);
    return match !== null && match[2]!.includes('C') ? [match[1]!] : [];
  });
  return names.slice(0, MAX_CERTIFICATES);
}

function fingerprintOf(pem: string): string | null {
  try {
    return new X509Certificate(pem).fingerprint256;
  } catch {
    return null;
  }
}
