import { expect, test } from '@jest/globals';
import { changedKeys } from '../../src/config/changes.ts';
import { loadConfig } from '../../src/config/load.ts';
import { tempDir } from '../support/tempDir.ts';

async function changes(before: string, after: string): Promise<string[]> {
  await using folder = await tempDir();
  const path = await folder.write('weir.yaml', before);
  const { config } = await loadConfig({ path });
  await folder.write('weir.yaml', after);
  return changedKeys(config, (await loadConfig({ path })).config);
}

test('names no key where two files say the same in other words and order', async () => {
  const before = 'log: { level: warn }\nshutdown: { grace: 60s }\n';
  expect(await changes(before, 'shutdown:\n  grace: 1m\nlog:\n  level: "warn"\n')).toEqual([]);
});

test('names keys as the file does, lists as a whole', async () => {
  const after = `shutdown: { grace: 3s }
adaptation: { spool: { memory: 1MiB } }
gateway: { allow: [10.0.0.0/8], services: { echo: { preview: 1KiB } } }
`;
  expect(await changes('', after)).toEqual([
    'adaptation.spool.memory',
    'gateway.allow',
    'gateway.services.echo.preview',
    'shutdown.grace',
  ]);
});

test('names sections that came or went', async () => {
  const service = 'adaptation: { services: { other: { url: "icap://scan.example/x" } } }\n';
  expect(await changes('', service)).toEqual(['adaptation.services.other']);
  expect(await changes(service, '')).toEqual(['adaptation.services.other']);
});

test('tells no values: a secret stays one', async () => {
  const told = await changes('dashboard: { token: first }\n', 'dashboard: { token: second }\n');
  expect(told).toEqual(['dashboard.token']);
});
