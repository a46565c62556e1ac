// Entry of `npm run bench`: runs main.ts through tsx, which is a development dependency.
// Everything else is in TypeScript; this file only has to exist in a bare clone and say what is missing.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
if (!existsSync(`${root}node_modules/tsx`)) {
  console.error('bench: dependencies are not installed: run `npm ci` first');
  process.exit(2);
}
const SUITES = {
  proxy: 'main.ts',
  'icap-server': 'icap-server/main.ts',
  interception: 'interception/main.ts',
  scanning: 'scanning/main.ts',
  dashboard: 'dashboard/main.ts',
};
const args = process.argv.slice(2);
const flag = args.findIndex((arg) => arg === '--suite' || arg.startsWith('--suite='));
const [first = '', second = ''] = flag < 0 ? [] : args.slice(flag);
const suite = flag < 0 ? 'proxy' : first === '--suite' ? second : first.slice('--suite='.length);
if (!Object.hasOwn(SUITES, suite)) {
  console.error(
    `bench: --suite: expected one of ${Object.keys(SUITES).join(', ')}, got ${JSON.stringify(suite)}`,
  );
  process.exit(2);
}
if (flag >= 0) args.splice(flag, first === '--suite' ? 2 : 1);
const main = fileURLToPath(new URL(SUITES[suite], import.meta.url));
const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], {
  cwd: root,
  stdio: 'inherit',
});
// The child stops its own servers on a signal; this process waits for it.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
