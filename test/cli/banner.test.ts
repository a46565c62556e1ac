import { expect, test } from '@jest/globals';
import { banner } from '../../src/cli/banner.ts';

const RUNNING = {
  proxyAddresses: ['127.0.0.1:8080'],
  reverseAddresses: [],
  gatewayAddresses: ['127.0.0.1:1344'],
  ca: { path: '/home/me/weir/certs/ca.pem', created: true },
  services: ['sandblast', 'echo'],
  gatewayWorkers: null,
  dashboard: null,
};

test('the banner names addresses, services, the new CA and a line to paste', () => {
  const lines = banner(RUNNING, null, '/home/me/weir').split('\n');
  expect(lines[0]).toMatch(/^Weir \d+\.\d+\.\d+/);
  expect(lines).toContain('  proxy     http://127.0.0.1:8080');
  expect(lines).toContain('  gateway   icap://127.0.0.1:1344/sandblast');
  expect(lines).toContain('  gateway   icap://127.0.0.1:1344/echo');
  expect(lines).toContain('  CA        certs/ca.pem  (created: clients must trust it)');
  expect(lines).toContain('  config    embedded defaults');
  expect(lines).toContain('  curl -x http://127.0.0.1:8080 --cacert certs/ca.pem https://example.com/');
});

test('the line to paste reaches a proxy on all addresses and quotes an odd path', () => {
  const text = banner(
    { ...RUNNING, proxyAddresses: ['[::]:8080'], ca: { path: "/it's here/ca.pem", created: false } },
    '/etc/weir.yaml',
    '/home/me',
  );
  expect(text).toContain(
    `  curl -x 'http://[::1]:8080' --cacert '/it'\\''s here/ca.pem' https://example.com/`,
  );
  expect(text).toContain('  config    /etc/weir.yaml');
  expect(text).not.toContain('created');
});

test('a gateway alone has no CA and nothing to try with curl', () => {
  const text = banner({ ...RUNNING, proxyAddresses: [], ca: null }, null, '/');
  expect(text).not.toContain('curl');
  expect(text).not.toContain('CA ');
});

test('names the dashboard, the status page, and the token unless it was configured', () => {
  const dashboard = {
    ...{ address: '0.0.0.0:8090', port: 8090, token: 'a-token', tokenIsOurs: true },
    tokenFile: '/home/me/weir/certs/dashboard.token',
    close: () => Promise.resolve(),
  };
  const text = banner({ ...RUNNING, dashboard }, null, '/home/me/weir');
  expect(text).toContain('  dashboard http://127.0.0.1:8090/?token=a-token');
  expect(text).toContain('  status    http://127.0.0.1:8090/readyz  (or: weir icap status)');
  expect(text).toContain('  token     a-token  (certs/dashboard.token)');
  const configured = { ...dashboard, tokenIsOurs: false, tokenFile: null };
  expect(banner({ ...RUNNING, dashboard: configured }, null, '/')).not.toContain('a-token');
});
