import { expect, test } from '@jest/globals';
import { runCli } from '../support/runCli.ts';
import { tempDir } from '../support/tempDir.ts';

test('check accepts the defaults where there is no configuration file', async () => {
  await using folder = await tempDir();
  const { exitCode, stdout } = await runCli(['check'], { cwd: folder.path });
  expect(exitCode).toBe(0);
  expect(stdout).toBe('no configuration file: the embedded defaults: OK\n');
});

test('check reads weir.yaml of the working directory', async () => {
  await using folder = await tempDir();
  await folder.write('weir.yaml', 'proxy: { listen: "127.0.0.1:9000" }\n');
  expect(await runCli(['check'], { cwd: folder.path })).toEqual({
    exitCode: 0,
    stdout: 'weir.yaml: OK\n',
    stderr: '',
  });
});

test('check prints each problem with its place and path, and exits with 2', async () => {
  await using folder = await tempDir();
  const file = await folder.write('bad.yaml', 'proxy:\n  lisen: 127.0.0.1:8080\nlog: { level: loud }\n');
  const { exitCode, stdout, stderr } = await runCli(['check', '--config', 'bad.yaml'], { cwd: folder.path });
  expect(exitCode).toBe(2);
  expect(stdout).toBe('');
  const lines = stderr.trimEnd().split('\n');
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain(`${file}:2:3  proxy.lisen: unknown key; did you mean listen?`);
  expect(lines[1]).toContain('log.level: ');
});

test('check --json prints the problems for programs on standard output alone', async () => {
  await using folder = await tempDir();
  const file = await folder.write('bad.yaml', 'proxi: {}\n');
  const { exitCode, stdout, stderr } = await runCli(['check', '--json', '--config', file]);
  expect(exitCode).toBe(2);
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toMatchObject({
    ok: false,
    file,
    problems: [{ code: 'ERR_CONFIG_UNKNOWN_KEY', path: 'proxi', line: 1, suggestion: 'proxy' }],
  });
});

test('check --json of a good file says ok', async () => {
  await using folder = await tempDir();
  const { exitCode, stdout } = await runCli(['check', '--json'], { cwd: folder.path });
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ ok: true, file: null, problems: [], warnings: [] });
});

test('check looks into the templates of pages, and names file and line', async () => {
  await using folder = await tempDir();
  await folder.write('block.html', '{{style}}{{details}}\n<script></script>\n');
  await folder.write('weir.yaml', 'usercheck: { templates: . }\n');
  const { exitCode, stderr } = await runCli(['check'], { cwd: folder.path });
  expect(exitCode).toBe(2);
  expect(stderr).toContain('usercheck.templates: block.html:2: <script> is not allowed');
});
