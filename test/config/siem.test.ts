// log.syslog, webhooks, and what profiles say of continuing.

import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.ts';
import { tempDir } from '../support/tempDir.ts';

async function loaded(yaml: string) {
  await using folder = await tempDir();
  const path = await folder.write('weir.yaml', yaml);
  return { ...(await loadConfig({ path })).config, folder: folder.path };
}

const problem = (yaml: string): Promise<string> =>
  loaded(yaml).then(
    () => 'accepted',
    (error: Error) => error.message,
  );

describe('log.syslog', () => {
  const target = async (yaml: string) => (await loaded(`log: { syslog: ${yaml} }\n`)).log.syslog[0];

  test.each([
    ['udp://siem.example', { transport: 'udp', host: 'siem.example', port: 514, maxBytes: 2048 }],
    ['tcp://10.0.0.1:601', { transport: 'tcp', host: '10.0.0.1', port: 601, maxBytes: 8192 }],
    ['tls://[2001:db8::1]', { transport: 'tls', host: '2001:db8::1', port: 6514 }],
  ])('a URL alone, %s, is a receiver of incidents as JSON', async (url, wanted) => {
    expect(await target(`["${url}"]`)).toMatchObject({ ...wanted, format: 'json', send: ['incidents'] });
  });

  test.each([
    ['["http://siem"]', 'such as udp://siem.example:514'],
    ['["tcp://siem:0"]', 'such as udp://'],
    ['["tcp://siem:70000"]', 'such as udp://'],
    ['["tcp://[siem]"]', 'such as udp://'],
    ['[{ url: "tcp://a", format: clf }]', 'one of json, cef, leef'],
    ['[{ url: "tcp://a", tls: { ca: [] } }]', 'has no effect without tls://'],
    ['[{ url: "tls://a", tls: { cert: a.pem } }]', 'needs tls.key as well'],
    ['[{ format: cef }]', 'url'],
  ])('%s is refused', async (yaml, message) => {
    expect(await problem(`log: { syslog: ${yaml} }\n`)).toContain(message);
  });
});

describe('webhooks', () => {
  const hook = (more: string, name = 'soc') =>
    `{ name: ${name}, url: "https://h.example/T0P/SECRET", secret: 0123456789abcdef${more} }`;

  test('a webhook has a folder of its own and hears of everything', async () => {
    const { webhooks, folder } = await loaded(`webhooks: [${hook(', ca: [ca.pem]')}]\n`);
    expect(webhooks[0]).toMatchObject({
      ...{ events: ['block', 'background', 'continued'], timeoutMs: 10_000, ca: [`${folder}/ca.pem`] },
      folder: expect.stringMatching(/webhooks\/soc$/) as unknown,
    });
  });

  test('two of one name are refused', async () => {
    expect(await problem(`webhooks: [${hook('')}, ${hook('')}]\n`)).toContain('another webhook');
    expect(await problem(`webhooks: [${hook('')}, ${hook('', 'two')}]\n`)).toBe('accepted');
  });

  test.each(['secret: short', 'secret: 12', 'url: "ftp://u:hunter2@h/T0P"'])(
    '%s is refused, and not shown',
    async (it) => {
      const given = { name: 'name: a', url: 'url: "https://h/"', secret: 'secret: 0123456789abcdef' };
      const parts = { ...given, [it.slice(0, it.indexOf(':'))]: it };
      const message = await problem(`webhooks: [{ ${Object.values(parts).join(', ')} }]\n`);
      expect(message).toContain('webhooks');
      expect(message).not.toMatch(/short|hunter2|T0P/);
    },
  );
});

test('profiles inherit what users may do, blades have it from their profile unless they say otherwise', async () => {
  const { profiles } = await loaded(`profiles:
  house: { action: inform, remember: 2h, blades: { antivirus: { action: prevent } } }
  strict: { base: house, blades: { dlp: { remember: 5m } } }
`);
  expect(profiles['optimized']).toMatchObject({ action: 'prevent', rememberMs: 3_600_000 });
  expect(profiles['strict']).toMatchObject({
    ...{ action: 'inform', rememberMs: 7_200_000 },
    blades: { antivirus: { action: 'prevent' }, dlp: { rememberMs: 300_000 } },
  });
});
