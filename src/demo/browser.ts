// Opens Chromium or Chrome on the lab, set up for it: a profile of its own, the proxy, and trust in the lab's
// CA, by the profile's certificate database or, where certutil is missing, by the hashes of the keys that it
// will be shown. The browser goes with the lab, and so does all that it has written.

import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { RunningLab } from './lab.ts';

const run = promisify(execFile);

/** Programs that are looked for, in this order. */
const BROWSERS = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'chrome',
  'microsoft-edge',
  'brave-browser',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
const CERTUTIL_MS = 10_000;

export interface OpenedBrowser {
  /** What to tell the user: which browser, or what to install. */
  readonly said: string;
  /** Null: none was found. */
  readonly process: ChildProcess | null;
  /** Ends it. */
  close(): Promise<void>;
}

/**
 * Opens the lab's start page. Never rejects for want of a browser: `said` tells what to install.
 * @param env  its PATH is searched; `CHROME` names a program that is tried first
 */
export async function openBrowser(
  lab: RunningLab,
  { env = process.env, extra = [] }: { env?: NodeJS.ProcessEnv; extra?: readonly string[] } = {},
): Promise<OpenedBrowser> {
  const program = findBrowser(env);
  if (program === null) {
    const said =
      'No Chromium or Chrome was found: install one (apt install chromium, brew install --cask chromium), or name ' +
      `it in CHROME. Or set any browser to the proxy above and open ${lab.startPage}`;
    return { said, process: null, close: () => Promise.resolve() };
  }
  const home = path.join(lab.folder, 'browser');
  await mkdir(home, { recursive: true, mode: 0o700 });
  const child = spawn(
    program,
    [
      `--user-data-dir=${path.join(home, 'profile')}`,
      `--proxy-server=http://${lab.weir.proxyAddresses[0]}`,
      ...['--no-first-run', '--no-default-browser-check', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
      // Chromium refuses to start as root with its sandbox.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      ...(await trustArguments(lab, home, env)),
      ...extra,
      lab.startPage,
    ],
    // Chromium reads the certificate database of the home folder.
    { env: { ...env, HOME: home }, stdio: 'ignore', detached: false },
  );
  const opened = new Promise<string>((resolve) => {
    child.once('spawn', () => resolve(`${path.basename(program)} is open on ${lab.startPage}`));
    child.once('error', (error) => resolve(`${program} could not be started: ${error.message}`));
  });
  return { said: await opened, process: child, close: () => ended(child) };
}

/** Path of a browser; null where there is none. */
export function findBrowser(env: NodeJS.ProcessEnv): string | null {
  const { CHROME: given = '' } = env;
  return firstProgram(given === '' ? BROWSERS : [given, ...BROWSERS], env);
}

/** Both: the CA of the proxy, and for what is spliced the one of the origin. */
async function trustArguments(lab: RunningLab, home: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const files = [lab.weir.ca!.path, lab.origin.caPath];
  const certutil = firstProgram(['certutil', 'nss-certutil'], env);
  if (certutil !== null) {
    const store = path.join(home, '.pki', 'nssdb');
    const database = ['-d', `sql:${store}`];
    const options = { timeout: CERTUTIL_MS };
    try {
      await mkdir(store, { recursive: true });
      await run(certutil, [...database, '-N', '--empty-password'], options);
      for (const [index, file] of files.entries()) {
        await run(
          certutil,
          [...database, '-A', '-t', 'C,,', '-n', `Weir demo ${index}`, '-i', file],
          options,
        );
      }
      return [];
    } catch {
      // Another program of that name: the other way does as well.
    }
  }
  // Neither server sends its CA along: what can be named is the key that it shows, one for all hosts.
  const urls = ['www', 'bank'].map((host) => lab.origin.url(host, '/key'));
  const answers = await Promise.all(urls.map((url) => lab.client.request(url)));
  return [`--ignore-certificate-errors-spki-list=${answers.map(({ keyHash }) => keyHash).join(',')}`];
}

function firstProgram(names: readonly string[], env: NodeJS.ProcessEnv): string | null {
  const folders = (env['PATH'] ?? '').split(path.delimiter).filter((folder) => folder !== '');
  for (const name of names) {
    const files = path.isAbsolute(name) ? [name] : folders.map((folder) => path.join(folder, name));
    const found = files.find(isProgram);
    if (found !== undefined) return found;
  }
  return null;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), 3000).unref();
  await exited;
  clearTimeout(kill);
}
