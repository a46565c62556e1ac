import { describe, expect, test } from '@jest/globals';
import { formatProblems, loadConfig } from '../../src/config/load.ts';
import { tempDir } from '../support/tempDir.ts';

async function warningsFor(text: string): Promise<string[]> {
  await using dir = await tempDir();
  const { warnings, file } = await loadConfig({ path: await dir.write('weir.yaml', text) });
  return formatProblems(warnings, file).map((line) => line.slice(line.indexOf('weir.yaml')));
}

describe('warnings', () => {
  test('tell that no rule uses the services that were given', async () => {
    const services = 'adaptation:\n  services: { scan: { url: icap://h/x } }\n';
    expect(await warningsFor(services)).toEqual([
      'weir.yaml:2:13  adaptation.services: no rule uses scan: everything goes to sandblast; add adaptation.rules',
    ]);
    expect(await warningsFor(`${services}  rules: [{ point: reqmod, use: [scan] }]\n`)).toEqual([]);
    expect(await warningsFor('adaptation: { services: { sandblast: { url: icap://h/x } } }')).toEqual([]);
  });

  test('tell that an icaps service may be anybody', async () => {
    const service = (url: string) =>
      `adaptation:\n  services: { a: { url: ${url}, tls: { verify: false } } }\n  rules: [{ point: reqmod, use: [a] }]\n`;
    expect(await warningsFor(service('icaps://h/x'))).toEqual([
      expect.stringMatching(/adaptation\.services\.a\.tls\.verify: is off/),
    ]);
    expect(await warningsFor(service('icap://h/x'))).toEqual([]);
  });

  test('tell that an empty list of rules scans nothing', async () => {
    expect(await warningsFor('adaptation: { rules: [] }')).toEqual([
      'weir.yaml:1:22  adaptation.rules: is empty: nothing is sent to any service, nothing is scanned',
    ]);
  });

  test('tell that a dashboard for other machines shows its token to the network', async () => {
    expect(await warningsFor('dashboard: { listen: "0.0.0.0:8090" }\n')).toEqual([
      expect.stringMatching(/dashboard\.listen: 0\.0\.0\.0:8090 may be reached from other machines/),
    ]);
    expect(await warningsFor('dashboard: { listen: null, token: secret }\n')).toEqual([]);
  });

  test('tell that a rule for everything hides those behind it', async () => {
    const rules = '[{ point: respmod, use: [] }, { point: respmod, use: [sandblast] }]';
    expect(await warningsFor(`adaptation: { rules: ${rules} }`)).toEqual([
      expect.stringContaining('adaptation.rules[0]: ends the chain for every message'),
    ]);
  });

  test('tell that a proxy is open to other machines', async () => {
    const [warning, ...more] = await warningsFor('proxy: { listen: ["127.0.0.1:1", "0.0.0.0:8080"] }');
    expect(warning).toMatch(/^weir\.yaml:1:34 {2}proxy\.listen\[1\]: 0\.0\.0\.0:8080 may be reached/);
    expect(more).toEqual([]);
    expect(await warningsFor('proxy: { listen: ["127.8.9.1:1", "[::1]:1", "localhost:1"] }')).toEqual([]);
  });

  test('tell that origins are not verified', async () => {
    expect(await warningsFor('proxy: { upstream: { verify: false } }')).toHaveLength(1);
  });
});
