// What is learned of clients, with real files and a clock that the test moves.

import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { TlsFacts } from '../../../src/proxy/tls-policy/rules.ts';
import type { SelfHealingSettings } from '../../../src/proxy/tls-policy/self-healing.ts';
import { SelfHealing, spliceLine } from '../../../src/proxy/tls-policy/self-healing.ts';
import { readSplices, spliceFileIn, writeSplices } from '../../../src/proxy/tls-policy/splice-file.ts';
import { NO_TELEMETRY } from '../../../src/telemetry/records.ts';
import { type TempDir, tempDir } from '../../support/tempDir.ts';

const HOUR = 3_600_000;
const SETTINGS: SelfHealingSettings = { after: 3, withinMs: 600_000, forMs: 24 * HOUR, strict: false };
const START = Date.UTC(2026, 0, 1);

interface Event {
  readonly level: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

let folder: TempDir;
let file: string;
let now: number;
let events: Event[];
beforeAll(async () => {
  folder = await tempDir('self-healing-');
  file = spliceFileIn(folder.path);
});
beforeEach(() => {
  rmSync(file, { force: true });
  now = START;
  events = [];
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

function selfHealing(settings: Partial<SelfHealingSettings> = {}): SelfHealing {
  const event = (level: string, message: string, fields: object): void => {
    events.push({ level, message, fields: fields as Record<string, unknown> });
  };
  return new SelfHealing(file, { ...SETTINGS, ...settings }, { ...NO_TELEMETRY, event }, () => now);
}

const at = (host: string, given: Partial<TlsFacts> = {}): TlsFacts => ({
  ...{ host, port: 443, client: '192.0.2.7', user: null, sni: host },
  ...given,
});

function rejectedBy(healing: SelfHealing, facts: TlsFacts, times: number, mayLearn = true): void {
  for (let n = 0; n < times; n++) {
    now += 1000;
    healing.rejected(facts, 'unknown_ca', mayLearn);
  }
}

/** A client that trusts the CA, and pins one host. */
function learned(): SelfHealing {
  const healing = selfHealing();
  healing.accepted(at('other.test'));
  rejectedBy(healing, at('pinned.test'), 3);
  return healing;
}

describe('a host that a client pins', () => {
  test.each(['closed', 'reset', 'closed unused', 'reset unused'])(
    'is none that it uses and only leaves without a word (%s)',
    (how) => {
      const healing = selfHealing();
      healing.accepted(at('used.test'));
      for (let n = 0; n < 10; n++) healing.rejected(at('used.test'), how, true);
      expect(healing.find(at('used.test'))).toBeNull();
      for (let n = 0; n < 3; n++) healing.rejected(at('pinned.test'), how, true);
      expect(healing.find(at('pinned.test'))).not.toBeNull();
      rejectedBy(healing, at('used.test'), 3);
      expect(healing.find(at('used.test'))).not.toBeNull();
      healing.close(); // or its file comes while the next test looks
    },
  );

  test('is spliced for it after so many rejections, with the evidence in the log', () => {
    const healing = selfHealing();
    healing.accepted(at('other.test'));
    rejectedBy(healing, at('pinned.test'), 2);
    expect(healing.find(at('pinned.test'))).toBeNull();
    rejectedBy(healing, at('pinned.test'), 1);
    expect(healing.find(at('pinned.test'))).toMatchObject({ client: '192.0.2.7', host: 'pinned.test' });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      level: 'warn',
      message: expect.stringMatching(
        /^pinned\.test is spliced for client 192\.0\.2\.7 .*nothing of it is scanned.* 3 times \(unknown_ca\).*weir splice remove pinned\.test.*strict: true/,
      ),
      fields: {
        client: '192.0.2.7',
        host: 'pinned.test',
        until: '2026-01-02T00:00:03.000Z',
        evidence: [
          { time: '2026-01-01T00:00:01.000Z', how: 'unknown_ca' },
          { time: '2026-01-01T00:00:02.000Z', how: 'unknown_ca' },
          { time: '2026-01-01T00:00:03.000Z', how: 'unknown_ca' },
        ],
      },
    });
    expect(spliceLine(healing.splices[0]!)).toEqual({
      path: 'proxy.tls.selfHealing',
      text: 'spliced until 2026-01-02T00:00:03.000Z because client 192.0.2.7 rejected the certificate of pinned.test 3 times (unknown_ca)',
    });
  });

  test.each<[what: string, other: TlsFacts]>([
    ['another client', at('pinned.test', { client: '192.0.2.8' })],
    ['another user at that address', at('pinned.test', { user: 'bob' })],
    ['another port', at('pinned.test', { port: 8443 })],
    ['another host that borrows the server name', at('evil.test', { sni: 'pinned.test' })],
    ['the host without a server name', at('pinned.test', { sni: null })],
    ['a host below it', at('www.pinned.test')],
  ])('is not spliced for %s', (_, other) => {
    const healing = learned();
    expect(healing.find(at('pinned.test'))).not.toBeNull();
    expect(healing.find(other)).toBeNull();
  });

  test('is intercepted again when its time is over, which the log says', () => {
    const healing = learned();
    now += 24 * HOUR - 1;
    expect(healing.find(at('pinned.test'))).not.toBeNull();
    now += 1;
    expect(healing.find(at('pinned.test'))).toBeNull();
    expect(healing.splices).toEqual([]);
    expect(events.at(-1)).toMatchObject({
      level: 'info',
      message: expect.stringContaining('intercepted again'),
    });
    rejectedBy(healing, at('pinned.test'), 2);
    expect(healing.find(at('pinned.test'))).toBeNull();
    rejectedBy(healing, at('pinned.test'), 1);
    expect(healing.find(at('pinned.test'))).not.toBeNull();
  });
});

describe('nothing is learned', () => {
  test('of rejections that are too far apart', () => {
    const healing = selfHealing();
    healing.accepted(at('other.test'));
    for (let n = 0; n < 6; n++) {
      rejectedBy(healing, at('pinned.test'), 1);
      now += 300_000;
    }
    expect(healing.splices).toEqual([]);
  });

  test('where the client has used the host in between', () => {
    const healing = selfHealing();
    healing.accepted(at('other.test'));
    for (let n = 0; n < 4; n++) {
      rejectedBy(healing, at('pinned.test'), 2);
      healing.accepted(at('pinned.test'));
    }
    expect(healing.splices).toEqual([]);
  });

  test('where a rule says that the host is intercepted', () => {
    const healing = selfHealing();
    healing.accepted(at('other.test'));
    rejectedBy(healing, at('pinned.test'), 9, false);
    expect(healing.splices).toEqual([]);
  });

  test('where strict is true, and what was learned before does not count', () => {
    const healing = learned();
    healing.configure({ ...SETTINGS, strict: true });
    expect(healing.find(at('pinned.test'))).toBeNull();
    rejectedBy(healing, at('second.test'), 9);
    healing.configure(SETTINGS);
    expect(healing.splices.map(({ host }) => host)).toEqual(['pinned.test']);
  });

  test('of a client that never accepted a certificate: the log says once that it does not trust the CA', () => {
    const healing = selfHealing();
    for (const host of ['a.test', 'b.test', 'c.test', 'd.test', 'e.test']) rejectedBy(healing, at(host), 5);
    expect(healing.splices).toEqual([]);
    expect(events).toHaveLength(1);
    expect(events[0]?.message).toMatch(
      /^client 192\.0\.2\.7 has rejected the certificate of a\.test and never accepted one: it does not trust the Weir CA\. .*weir ca trust.*http:\/\/weir\.local\//,
    );
    now += 24 * HOUR;
    rejectedBy(healing, at('a.test'), 3);
    expect(events).toHaveLength(2);
  });

  test('of a client that rejects many hosts now, though it has accepted others', () => {
    const healing = selfHealing();
    healing.accepted(at('other.test'));
    const hosts = ['a.test', 'b.test', 'c.test', 'd.test', 'e.test', 'f.test'];
    for (let n = 0; n < 5; n++) for (const host of hosts) rejectedBy(healing, at(host), 1);
    expect(healing.splices).toEqual([]);
    expect(events.map(({ message }) => message)).toEqual([
      expect.stringContaining('rejects the certificates of many hosts now (a.test, b.test, c.test, d.test)'),
    ]);
  });

  test('because of what other clients did', () => {
    const healing = selfHealing();
    healing.accepted(at('other.test'));
    for (let n = 0; n < 30; n++) rejectedBy(healing, at('victim.test', { client: `198.51.100.${n}` }), 1);
    rejectedBy(healing, at('victim.test', { client: '198.51.100.77' }), 30);
    expect(healing.find(at('victim.test'))).toBeNull();
    expect(healing.splices).toEqual([]);
  });

  test('beyond sixteen hosts of one client, which the log says once', () => {
    const healing = selfHealing();
    healing.accepted(at('other.test'));
    for (let n = 0; n < 20; n++) rejectedBy(healing, at(`pinned-${n}.test`), 3);
    expect(healing.splices).toHaveLength(16);
    expect(events.filter(({ message }) => message.startsWith('no more hosts are spliced'))).toHaveLength(1);
  });
});

describe('the file', () => {
  test('is readable by its owner alone, and what is in it counts after a restart', () => {
    const before = learned();
    before.close();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const after = selfHealing();
    expect(after.find(at('pinned.test'))).toEqual(before.splices[0]);
    expect(after.find(at('pinned.test', { client: '192.0.2.8' }))).toBeNull();
  });

  test('is written a moment after something was learned', async () => {
    const healing = learned();
    while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(readSplices(file)).toEqual(healing.splices);
  });

  test('is not there as long as nothing was learned', () => {
    selfHealing().close();
    expect(existsSync(file)).toBe(false);
  });

  test('without an entry that somebody has removed ends that splice at the next tunnel', () => {
    const healing = learned();
    rejectedBy(healing, at('second.test'), 3);
    healing.close();
    writeSplices(
      file,
      healing.splices.filter(({ host }) => host !== 'pinned.test'),
    );
    expect(healing.find(at('pinned.test'))).toBeNull();
    expect(healing.find(at('second.test'))).not.toBeNull();
    expect(events.at(-1)?.message).toBe('the learned splice of pinned.test was removed');
    rejectedBy(healing, at('third.test'), 3);
    healing.close(); // writes the file anew, without what was removed
    expect(readSplices(file).map(({ host }) => host)).toEqual(['second.test', 'third.test']);
  });

  test('that was deleted ends them all', () => {
    const healing = learned();
    healing.close();
    rmSync(file);
    expect(healing.find(at('pinned.test'))).toBeNull();
    expect(healing.splices).toEqual([]);
  });

  test.each<[what: string, spoil: () => void]>([
    ['is no JSON', () => writeFileSync(file, '{"splices":[')],
    ['is something else', () => writeFileSync(file, '{"v":1}')],
    ['others may write to', () => chmodSync(file, 0o666)],
  ])('that %s does not count, and the log says so', (_, spoil) => {
    const healing = learned();
    healing.close();
    spoil();
    expect(healing.find(at('pinned.test'))).toBeNull();
    expect(events.at(-1)).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('learned splices cannot be read'),
    });
  });

  test('keeps the entries that are sound, and leaves out what is none', () => {
    const healing = learned();
    healing.close();
    const { splices } = JSON.parse(readFileSync(file, 'utf8')) as { splices: object[] };
    const broken = [null, 3, {}, { ...splices[0], host: 'a\u001b[31m' }, { ...splices[0], evidence: [{}] }];
    writeFileSync(file, JSON.stringify({ v: 1, splices: [...broken, ...splices] }), { mode: 0o600 });
    expect(readSplices(file)).toEqual(splices);
  });
});
