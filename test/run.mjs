// `npm test`: from a bare clone to the count of passed and failed tests. Installs the dependencies and
// builds (bin/bootstrap.mjs), installs the foreign programs that the peer tests run against when it may
// (root on Debian), then runs jest. Arguments go to jest: `npm test -- test/icap`.
// The last line is `N passed, N failed`, with `, N skipped` when there are any.

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from '../bin/bootstrap.mjs';
import { missingPeers, PEERS } from './support/peers/find.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const inCi = process.env.CI === 'true';
/** Suites run at a time: they wait for sockets, processes and time-outs more than they compute. */
const WORKERS = 4;
/** More failed suites than these are no accident. */
const MOST_AGAIN = 5;
const POLICY = '/usr/sbin/policy-rc.d';

const say = (line) => process.stdout.write(`${line}\n`);

function finish({ passed, failed, skipped }, exitCode) {
  const rest = skipped > 0 ? `, ${skipped} skipped` : '';
  process.stdout.write(`\n${passed} passed, ${failed} failed${rest}\n`, () => process.exit(exitCode));
}

/** Installs what the peer tests need; returns the names of peers that are still missing. */
function setUpPeers() {
  const missing = missingPeers();
  if (missing.length === 0) return [];
  const packages = [...new Set(missing.map((name) => PEERS[name].package))];
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    say(`test: installing ${packages.join(', ')} (apt-get); their services are kept from starting`);
    withoutServices(() => {
      aptGet('update', '--quiet=2');
      const install = (...names) =>
        aptGet('install', '--quiet=2', '--yes', '--no-install-recommends', ...names);
      if (!install(...packages)) for (const name of packages) install(name); // one unknown name fails all
    });
  }
  const stillMissing = missingPeers();
  if (stillMissing.length > 0) {
    const needed = [...new Set(stillMissing.map((name) => PEERS[name].package))];
    say(`\n*** ${inCi ? 'FAILED' : 'SKIPPED'}: the tests that need ${stillMissing.join(', ')}`);
    say(`*** To run them: apt-get update && apt-get install ${needed.join(' ')}\n`);
  }
  return stillMissing;
}

/** Runs apt-get with its output on standard error; false when it failed, which is printed. */
function aptGet(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status } = spawnSync('apt-get', args, { env, stdio: ['ignore', 2, 2] });
  if (status !== 0) say(`test: apt-get ${args[0]} failed (exit code ${status})`);
  return status === 0;
}

/** Runs `install` while Debian's policy-rc.d forbids packages to start their services on fixed ports. */
function withoutServices(install) {
  if (existsSync(POLICY)) return install(); // the machine has a policy of its own
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n');
  chmodSync(POLICY, 0o755);
  try {
    install();
  } finally {
    rmSync(POLICY, { force: true });
  }
}

/** Runs jest; resolves with its exit code. */
function jest(args, countsFile) {
  const nodeOptions = `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`;
  const child = spawn(process.execPath, [path.join(root, 'node_modules/jest/bin/jest.js'), ...args], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      NODE_OPTIONS: nodeOptions.trim(),
      WEIR_TEST_COUNTS: countsFile,
      WEIR_BUILD_IS_FRESH: '1', // src/util/source-worker.mjs
    },
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

function readCounts(file) {
  if (!existsSync(file)) return { passed: 0, failed: 0, skipped: 0, again: [] };
  return JSON.parse(readFileSync(file, 'utf8'));
}

/**
 * Real peers and time limits can fail for want of a processor while other suites run: a few suites that
 * failed are run once more, alone, and what they say then counts. It is said aloud, so that a suite that
 * needs it is noticed.
 */
async function runAgain(counts, countsFile) {
  const files = counts.again.map((suite) => suite.file);
  say(
    `\ntest: FAILED BESIDE OTHERS, run again alone: ${files.map((file) => path.relative(root, file)).join(', ')}`,
  );
  for (const name of ['passed', 'failed', 'skipped']) {
    for (const suite of counts.again) counts[name] -= suite[name];
  }
  const exitCode = await jest(['--maxWorkers=1', '--runTestsByPath', ...files], countsFile);
  const second = readCounts(countsFile);
  for (const name of ['passed', 'failed', 'skipped']) counts[name] += second[name];
  return exitCode;
}

async function main() {
  if (!(await bootstrap(root))) return finish({ passed: 0, failed: 1, skipped: 0 }, 1);
  const missing = setUpPeers();
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-run-'));
  try {
    const countsFile = path.join(folder, 'counts.json');
    let exitCode = await jest([`--maxWorkers=${WORKERS}`, ...process.argv.slice(2)], countsFile);
    const counts = readCounts(countsFile);
    if (process.argv.length === 2 && counts.again.length > 0 && counts.again.length <= MOST_AGAIN) {
      exitCode = await runAgain(counts, path.join(folder, 'again.json'));
    }
    if (inCi) counts.failed += missing.length; // also those that no suite of this run asked for
    if (exitCode !== 0 && counts.failed === 0) counts.failed = 1; // jest itself failed
    finish(counts, counts.failed === 0 ? 0 : exitCode || 1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
