// What stands where in a soak: the configuration of the Weir under test, whose rules give each host (route) a
// chain of its own, and those of the gateways beside it.

import { testCa } from '../support/testCa.ts';
import type { TempDir } from '../support/tempDir.ts';

const DOMAIN = 'soak.test';

export interface Route {
  readonly name: string;
  /** Services and groups, in order, at both points. */
  readonly use: readonly string[];
  /** Whether requests may end in an error page: false where a service that is never ill stands in. */
  readonly mayFail: boolean;
  /** Whether a long answer of a service is passed on as it comes, and may break off. */
  readonly mayCut: boolean;
  /** Whether a message may pass one of its services unscanned. */
  readonly mayBypass: boolean;
}

/** Every chain has a scanner that blocks on errors, so that EICAR never passes. */
export const ROUTES: readonly Route[] = [
  { name: 'local', use: ['local'], mayFail: false, mayCut: false, mayBypass: false },
  { name: 'spare', use: ['spare'], mayFail: false, mayCut: false, mayBypass: false },
  { name: 'hedged', use: ['hedged'], mayFail: false, mayCut: false, mayBypass: false },
  { name: 'scanned', use: ['scanners'], mayFail: true, mayCut: false, mayBypass: false },
  { name: 'mixed', use: ['scanners', 'mixed'], mayFail: true, mayCut: true, mayBypass: false },
  { name: 'faulty', use: ['local', 'faulty'], mayFail: true, mayCut: true, mayBypass: false },
  { name: 'worst', use: ['worst', 'spare'], mayFail: false, mayCut: true, mayBypass: true },
];

export const hostOf = (route: string): string => `${route}.${DOMAIN}`;
export const NAMES = ROUTES.map(({ name }) => hostOf(name));

export interface Ports {
  readonly proxy: number;
  readonly local: number;
  readonly dashboard: number;
  readonly one: number;
  readonly two: number;
  readonly cIcap: number;
  readonly faults: number;
}

/** `adaptation.hold`: longer answers are not waited for. */
export const HOLD = 256 * 1024;
export const TOKEN = 'soak';
/** Of the Weir under test, in its folder. */
export const LOG = 'weir.log';

/** Writes `weir.yaml`, `one.yaml` and `two.yaml`; folders `spool-weir`, `spool-one` and `spool-two` must exist. */
export async function writeSettings(folder: TempDir, ports: Ports): Promise<void> {
  const at = (port: number, path: string): string => `icap://127.0.0.1:${port}/${path}`;
  // Waits are short, so that a server that says nothing is met often and not for long.
  const waits = { timeout: '2s', connectTimeout: '1s' };
  const faulty = { ...waits, timeout: '1s', url: at(ports.faults, 'faulty') };
  const services = {
    local: { url: at(ports.local, 'sandblast') },
    one: { ...waits, url: at(ports.one, 'sandblast') },
    two: { ...waits, url: at(ports.two, 'sandblast') },
    echo: { ...waits, url: at(ports.cIcap, 'echo') },
    faulty: { ...faulty, failureLimit: 10_000 },
    shaky: { ...faulty, url: at(ports.faults, 'shaky'), onError: 'bypass' },
    last: { ...faulty, url: at(ports.faults, 'last'), onError: 'bypass', preview: false, allow: ['204'] },
  };
  const groups = {
    scanners: { services: ['one', 'two'], strategy: 'round-robin' },
    spare: { services: ['one', 'two', 'local'], strategy: 'failover' },
    hedged: { services: ['one', 'two', 'local'], strategy: 'least-busy', hedge: true },
    mixed: { services: ['faulty', 'echo'], strategy: 'failover' },
    worst: { services: ['shaky', 'last'], strategy: 'hash' },
  };
  const rules = ROUTES.flatMap(({ name, use }) =>
    ['reqmod', 'respmod'].map((point) => ({ point, use, when: { hosts: [hostOf(name)] } })),
  );
  const weir = {
    proxy: {
      listen: `127.0.0.1:${ports.proxy}`,
      certs: folder.join('certs'),
      // Clients that leave in their first handshakes must not look like some that pin a host.
      tls: { strict: true },
      upstream: { trust: [(await testCa()).certPath], hosts: { [`*.${DOMAIN}`]: '127.0.0.1' } },
    },
    gateway: { listen: `127.0.0.1:${ports.local}` },
    adaptation: { services, groups, rules, hold: HOLD, spool: { folder: folder.join('spool-weir') } },
    dashboard: { listen: `127.0.0.1:${ports.dashboard}`, token: TOKEN },
    trace: { folder: folder.join('trace') },
    log: { file: folder.join(LOG) },
    shutdown: { grace: '5s' },
  };
  const gateway = (name: string, port: number, workers: object): object => ({
    gateway: { listen: `127.0.0.1:${port}`, workers },
    adaptation: { spool: { folder: folder.join(`spool-${name}`) } },
    log: { file: folder.join(`${name}.log`) },
    shutdown: { grace: '1s' },
  });
  await folder.write('weir.yaml', JSON.stringify(weir, null, 2)); // JSON is YAML
  await folder.write('one.yaml', JSON.stringify(gateway('one', ports.one, { min: 0 })));
  await folder.write('two.yaml', JSON.stringify(gateway('two', ports.two, { min: 1, max: 2 })));
}
