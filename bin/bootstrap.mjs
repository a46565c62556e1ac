// Makes a checkout ready to run: installs the dependencies when the lock file changed, builds when a
// source is newer than the build. Everything it prints goes to standard error, so that a command's
// `--json` output stays clean. Two processes that start at once do the work once (a lock folder).
//
// As a command: `node bin/bootstrap.mjs` does both, `--install` only the first.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const LOCK_WAIT_MS = 300_000; // a first install on a slow line
const LOCK_POLL_MS = 200;
const BUILD_INPUTS = ['src', 'plugins', 'web', 'tsconfig.json', 'tsconfig.build.json', 'package.json'];

const say = (line) => process.stderr.write(`weir: ${line}\n`);

/**
 * Installs and builds what is missing or out of date.
 * @param {string} root folder of the checkout
 * @returns {Promise<boolean>} false when a step failed, which has been printed
 */
export async function bootstrap(root) {
  return (await ensureDependencies(root)) && (await ensureBuild(root));
}

/**
 * Runs `npm install` when node_modules is missing or was made from another lock file. Not `npm ci`: that
 * refuses a lock file which lacks another platform's optional packages.
 * @param {string} root
 */
export async function ensureDependencies(root) {
  if (dependenciesAreFresh(root)) return true;
  return withLock(root, async () => {
    if (dependenciesAreFresh(root)) return true;
    say('installing the dependencies (npm install), this takes about half a minute …');
    const result = spawnSync(
      process.platform === 'win32' ? 'npm.cmd' : 'npm',
      ['install', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'],
      { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' },
    );
    if (result.status !== 0) {
      const why = result.error ? result.error.message : `exit code ${result.status ?? result.signal}`;
      say(`npm install failed (${why}): run it in ${root} and mend what it reports`);
      return false;
    }
    writeFileSync(installStamp(root), fingerprint(root));
    return true;
  });
}

/**
 * Builds dist/ when a source is newer than it.
 * @param {string} root
 */
export async function ensureBuild(root) {
  if (buildIsFresh(root)) return true;
  return withLock(root, async () => {
    if (buildIsFresh(root)) return true;
    say('building …');
    const { build } = await import('./build.mjs');
    return build(root);
  });
}

const installStamp = (root) => path.join(root, 'node_modules', '.weir-installed');

function fingerprint(root) {
  const hash = createHash('sha256');
  for (const file of ['package.json', 'package-lock.json']) hash.update(readFileSync(path.join(root, file)));
  return hash.digest('hex');
}

function dependenciesAreFresh(root) {
  const modules = path.join(root, 'node_modules');
  const installed = path.join(modules, '.package-lock.json'); // written by npm at the end of an install
  if (!existsSync(installed)) return false;
  const stamp = installStamp(root);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint(root)) return true;
  return statSync(installed).mtimeMs > statSync(path.join(root, 'package-lock.json')).mtimeMs;
}

function buildIsFresh(root) {
  const stamp = path.join(root, 'dist', '.built');
  if (!existsSync(stamp) || !existsSync(path.join(root, 'dist/src/cli/main.js'))) return false;
  const builtAt = statSync(stamp).mtimeMs;
  return BUILD_INPUTS.every((input) => newestChange(path.join(root, input)) <= builtAt);
}

/** Newest modification below `file`, folders included, so that a deleted source counts as a change too. */
function newestChange(file) {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined) return 0;
  if (!stats.isDirectory()) return stats.mtimeMs;
  return readdirSync(file).reduce(
    (newest, name) => Math.max(newest, newestChange(path.join(file, name))),
    stats.mtimeMs,
  );
}

/** Runs `work` while no other process of this checkout installs or builds. */
async function withLock(root, work) {
  const lock = path.join(root, '.weir', 'bootstrap.lock');
  mkdirSync(path.dirname(lock), { recursive: true });
  const giveUpAt = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (ownerIsGone(lock)) rmSync(lock, { recursive: true, force: true });
      else if (Date.now() > giveUpAt) {
        say(`another weir has been installing or building for too long: end it, or remove ${lock}`);
        return false;
      } else await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
    }
  }
  const release = () => rmSync(lock, { recursive: true, force: true });
  const interrupted = () => {
    release();
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    writeFileSync(path.join(lock, 'pid'), String(process.pid));
    return await work();
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    release();
  }
}

/** True when the process that made the lock has ended without removing it. */
function ownerIsGone(lock) {
  try {
    const pid = Number(readFileSync(path.join(lock, 'pid'), 'utf8'));
    if (pid > 0) process.kill(pid, 0);
    return false;
  } catch (error) {
    if (error.code === 'ESRCH') return true;
    const madeAt = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return error.code === 'ENOENT' && Date.now() - madeAt > 5_000; // no pid written: it died in between
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const done = process.argv.includes('--install') ? await ensureDependencies(root) : await bootstrap(root);
  process.exitCode = done ? 0 : 1;
}
