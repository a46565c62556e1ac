import { expect, test } from '@jest/globals';
import { reportError, reportStartError } from '../../src/cli/report-error.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError, HttpError, PluginError, WeirError } from '../../src/errors.ts';
import { tempDir } from '../support/tempDir.ts';

function capture() {
  const lines: string[] = [];
  const stream = { write: (text: string | Uint8Array) => lines.push(String(text)) };
  return { lines, terminal: { stdout: stream, stderr: stream, cwd: '/' } };
}

async function defaults() {
  await using folder = await tempDir();
  return (await loadConfig({ cwd: folder.path })).config;
}

test('a named failure is one line with what to do, without a stack', () => {
  const { lines, terminal } = capture();
  const code = reportError(new PluginError('ERR_PLUGIN_LOAD', 'plugin x: not found'), terminal);
  expect(code).toBe(2);
  expect(lines).toEqual([
    'weir: plugin x: not found: check the path or package name and its default export.\n',
  ]);
});

test('set-up failures exit with 2, failures at run time with 1', () => {
  const { terminal } = capture();
  const exit = (error: unknown): number => reportError(error, terminal);
  expect(exit(new ConfigError('ERR_CONFIG_VALUE', 'x'))).toBe(2);
  expect(exit(new WeirError('ERR_CA_INVALID', 'x'))).toBe(2);
  expect(exit(new WeirError('ERR_LISTEN', 'x'))).toBe(2);
  expect(exit(new PluginError('ERR_PLUGIN_OPTIONS', 'x'))).toBe(2);
  expect(exit(new PluginError('ERR_PLUGIN_FAILED', 'x'))).toBe(1);
  expect(exit(new HttpError('ERR_ORIGIN_DNS', 'x'))).toBe(1);
});

test('a failure without a name keeps its stack and exits with 1', () => {
  const { lines, terminal } = capture();
  expect(reportError(new TypeError('oops'), terminal)).toBe(1);
  expect(lines.join('')).toMatch(/^weir: unexpected failure: TypeError: oops\n\s+at /);
});

test('a port in use names the address and the flag that chooses another', async () => {
  const { lines, terminal } = capture();
  const cause = Object.assign(new Error('listen EADDRINUSE'), {
    code: 'EADDRINUSE',
    syscall: 'listen',
    address: '127.0.0.1',
    port: 8080,
  });
  const error = new WeirError('ERR_LISTEN', 'cannot listen', {}, cause);
  expect(reportStartError(error, await defaults(), terminal)).toBe(2);
  expect(reportStartError(cause, await defaults(), terminal)).toBe(2);
  const line =
    'weir: 127.0.0.1:8080 is already in use: stop the program that uses it, or choose another with --proxy-listen 127.0.0.1:8081\n';
  expect(lines).toEqual([line, line]);
});

test("a gateway's port that needs rights names the gateway's flag", async () => {
  const { lines, terminal } = capture();
  const config = await defaults();
  config.gateway.listen = [{ host: '127.0.0.1', port: 344, tls: null, proxyProtocol: null }];
  const error = new WeirError('ERR_LISTEN', 'no', { host: '127.0.0.1', port: 344, errno: 'EACCES' });
  expect(reportStartError(error, config, terminal)).toBe(2);
  expect(lines[0]).toContain('--gateway-listen 127.0.0.1:1024');
});
