import { expect, test } from '@jest/globals';
import { withListenOptions } from '../../src/cli/overrides.ts';
import { loadConfig, type ResolvedConfig } from '../../src/config/load.ts';
import { runCli } from '../support/runCli.ts';
import { tempDir } from '../support/tempDir.ts';

async function configOf(text: string): Promise<ResolvedConfig> {
  await using folder = await tempDir();
  return (await loadConfig({ path: await folder.write('weir.yaml', text) })).config;
}

test('--proxy-listen replaces all listeners of the proxy and nothing else', async () => {
  const config = await configOf('proxy: { listen: ["127.0.0.1:8080", "127.0.0.1:8081"] }\n');
  const changed = withListenOptions(config, { proxyListen: '[::1]:3128' });
  expect(changed.proxy.listen).toMatchObject([{ host: '::1', port: 3128, mode: 'auto', tls: null }]);
  expect(changed.gateway).toBe(config.gateway);
  expect(changed.adaptation).toBe(config.adaptation);
});

test('--gateway-listen moves the services that pointed at the gateway, and leaves the others', async () => {
  const config = await configOf(`adaptation:
  services:
    echo: { url: "icap://127.0.0.1:1344/echo" }
    other: { url: "icap://127.0.0.1:9999/avscan" }
`);
  const changed = withListenOptions(config, { gatewayListen: '0.0.0.0:2344' });
  const { sandblast, echo, other } = changed.adaptation.services;
  expect(sandblast?.url.href).toBe('icap://127.0.0.1:2344/sandblast');
  expect(echo?.url).toMatchObject({ host: '127.0.0.1', port: 2344, path: '/echo' });
  expect(other?.url.href).toBe('icap://127.0.0.1:9999/avscan');
});

test('--dashboard-listen moves the dashboard, and keeps its token', async () => {
  const config = await configOf('dashboard: { listen: null, token: secret }\n');
  const { dashboard } = withListenOptions(config, { dashboardListen: '127.0.0.1:0' });
  expect(dashboard).toEqual({ listen: { host: '127.0.0.1', port: 0 }, token: 'secret' });
});

test('an address that is none names the flag and exits with 2', async () => {
  await using folder = await tempDir();
  const { exitCode, stderr } = await runCli(['start', '--proxy-listen', '8080'], { cwd: folder.path });
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^weir: --proxy-listen: expected host:port such as .*, got "8080"\n$/);
});
