import { expect, test } from '@jest/globals';
import { runCli } from '../support/runCli.ts';
import { tempDir } from '../support/tempDir.ts';

const PLUGIN = `export default {
  [Symbol.for('weir.plugin')]: 1,
  name: 'sample', version: '1.2.3',
  setup(ctx) {
    ctx.blade({ name: 'sniffer', inspect: () => ({ kind: 'allow' }) });
    ctx.proxyHook({ onConnect() {} });
    ctx.authenticator({ scheme: 'Legs', begin: () => ({ step: () => ({ kind: 'refused' }) }) });
  },
};`;

test('plugins list prints name, version, place and what each plugin brings', async () => {
  await using folder = await tempDir();
  await folder.write('sample.mjs', PLUGIN);
  await folder.write('weir.yaml', 'plugins: [./sample.mjs]\n');
  expect(await runCli(['plugins', 'list'], { cwd: folder.path })).toEqual({
    exitCode: 0,
    stdout: 'sample 1.2.3  blades: sniffer; hooks: onConnect; authenticators: Legs; isolated  (sample.mjs)\n',
    stderr: '',
  });
  const { stdout } = await runCli(['plugins', 'list', '--json'], { cwd: folder.path });
  expect(JSON.parse(stdout)).toEqual([
    {
      name: 'sample',
      version: '1.2.3',
      use: './sample.mjs',
      file: folder.join('sample.mjs'),
      isolated: true,
      blades: ['sniffer'],
      services: [],
      hooks: ['onConnect'],
      authenticators: ['Legs'],
      panels: [],
    },
  ]);
});

test('plugins list of a plugin that is not there exits with 2 and one line', async () => {
  await using folder = await tempDir();
  await folder.write('weir.yaml', 'plugins: [./absent]\n');
  const { exitCode, stderr } = await runCli(['plugins', 'list'], { cwd: folder.path });
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^weir: plugin \.\/absent: not found; .*\n$/);
});
