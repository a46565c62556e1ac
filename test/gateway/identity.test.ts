// Who is behind a message: what the log is told, and what blades may believe.

import { describe, expect, test } from '@jest/globals';
import { DEFAULT_SPOOL } from '../../src/http/spool.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import { decodeGroups, decodeUser, IdentityPolicy, readIdentity } from '../../src/gateway/identity.ts';
import { DEFAULT_SERVER_LIMITS } from '../../src/icap/server/context.ts';
import type { IcapTransaction } from '../../src/icap/service.ts';
import type { Blade, BladeMessage } from '../../src/plugin/api.ts';
import { allow } from '../../src/plugin/api.ts';
import type { GatewayRecord } from '../../src/telemetry/records.ts';
import { binary } from '../icap/server/proxy-headers.ts';
import { rawClient } from '../support/rawClient.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const latin1 = (text: string): string => Buffer.from(text).toString('latin1'); // UTF-8 as a header carries it

describe('users', () => {
  test.each([
    ['V-52 the URI that the draft shows', 'TG9jYWw6Ly9hbGljZQ==', 'Local://alice'],
    ['V-55 base64 without its padding', 'TG9jYWw6Ly9hbGljZQ', 'Local://alice'],
    ['V-52 another scheme', base64('WinNT://DOMAIN/alice'), 'WinNT://DOMAIN/alice'],
    ['V-52 a name beyond ASCII', base64('LDAP://x/cn=Jürgen'), 'LDAP://x/cn=Jürgen'],
    ['V-55 plain text', 'alice', 'alice'],
    ['V-55 plain text that is base64 of something else', 'alicealice', 'alicealice'],
    ['V-55 base64 of text without ://', base64('just a long text'), base64('just a long text')],
    [
      'V-55 base64 of bytes that are no UTF-8',
      Buffer.from('a://\xff\xfe', 'latin1').toString('base64'),
      Buffer.from('a://\xff\xfe', 'latin1').toString('base64'),
    ],
    ['V-55 plain text in UTF-8', latin1('jürgen'), 'jürgen'],
    ['V-55 plain text in latin-1', 'j\xfcrgen', 'jürgen'],
    ['nothing', '', null],
  ])('%s', (_, value, expected) => {
    expect(decodeUser(value)).toBe(expected);
  });

  test('a name of any length is cut to 512 characters', () => {
    expect(decodeUser('x'.repeat(60_000))).toBe(`${'x'.repeat(512)}…`);
  });

  test.each(['X-Authenticated-User', 'X-Authentication-User', 'X-Client-Username', 'x-authentication-user'])(
    'G-10 V-55 %s is read',
    (name) => {
      expect(readIdentity([name, 'alice']).user).toBe('alice');
    },
  );

  test('V-55 the first of the names that has a value counts', () => {
    const headers = ['X-Client-Username', 'c', 'X-Authenticated-User', '', 'X-Authentication-User', 'b'];
    expect(readIdentity(headers).user).toBe('b');
  });
});

describe('groups', () => {
  test.each([
    [
      'V-53 URIs one a line',
      base64('LDAP://h/cn=Staff,ou=Groups\nLocal://all'),
      ['LDAP://h/cn=Staff,ou=Groups', 'Local://all'],
    ],
    ['V-53 a line end of Windows', base64('Local://a\r\nLocal://b\r\n'), ['Local://a', 'Local://b']],
    ['plain text with commas', 'staff, admins,,', ['staff', 'admins']],
    ['nothing', '', []],
  ])('%s', (_, value, expected) => {
    expect(decodeGroups(value)).toEqual(expected);
  });

  test('at most 256 are kept', () => {
    expect(decodeGroups('g,'.repeat(1000))).toHaveLength(256);
  });

  test.each(['X-Authenticated-Groups', 'X-Authentication-Groups', 'X-Client-Groups'])(
    '%s is read',
    (name) => {
      expect(readIdentity([name, 'staff']).groups).toEqual(['staff']);
    },
  );
});

describe('IdentityPolicy', () => {
  const policy = new IdentityPolicy(['192.0.2.0/24', '2001:db8::/32']);

  test.each([
    ['192.0.2.9', true],
    ['2001:db8::9', true],
    ['127.0.0.1', true],
    ['::1', true],
    ['in-process', true],
    ['198.51.100.1', false],
    ['unknown', false],
  ])('believes an ICAP client at %s: %s', (client, expected) => {
    expect(policy.trusts(client)).toBe(expected);
  });

  const believed = (icapClient: string, icapHeaders: string[]) =>
    policy.believed({ icapClient, icapHeaders } as unknown as IcapTransaction);

  test.each(['999.1.1.1', '192.0.2.1:80', '[2001:db8::1]', 'unknown', 'fe80::1%eth0', '10.0.0.0/8'])(
    'G-11 V-50 %s is no address and not believed, only logged',
    (value) => {
      const headers = ['X-Client-IP', value, 'X-Server-IP', value, 'X-Authenticated-User', 'alice'];
      expect(believed('192.0.2.9', headers)).toEqual({
        clientIp: null,
        serverIp: null,
        user: 'alice',
        groups: [],
      });
      expect(readIdentity(headers)).toMatchObject({ clientIp: value, serverIp: value });
    },
  );

  test('V-50 V-51 addresses of both families are believed', () => {
    const headers = ['X-Client-IP', '2001:db8::7', 'X-Server-IP', '203.0.113.1'];
    expect(believed('192.0.2.9', headers)).toMatchObject({
      clientIp: '2001:db8::7',
      serverIp: '203.0.113.1',
    });
  });

  test('nothing of an untrusted client is believed', () => {
    const headers = [
      'X-Client-IP',
      '192.0.2.1',
      'X-Authenticated-User',
      'alice',
      'X-Authenticated-Groups',
      'staff',
    ];
    expect(believed('198.51.100.1', headers)).toEqual({
      clientIp: null,
      serverIp: null,
      user: null,
      groups: [],
    });
  });
});

describe('a gateway', () => {
  /** Sends one REQMOD with these fields as an ICAP client at `icapClient`; what a blade saw, and the record. */
  async function judged(icapClient: string, fields: string) {
    let seen: BladeMessage | null = null;
    const records: GatewayRecord[] = [];
    const blade: Blade = {
      name: 'witness',
      inspect: (message) => {
        seen = message;
        return allow();
      },
    };
    const profile = {
      name: 'p',
      onError: 'block',
      blades: { witness: { enabled: true, timeoutMs: 1000 } },
    } as const;
    const gateway = new Gateway({
      via: null,
      services: [
        {
          name: 's',
          kind: 'scan',
          profile,
          methods: ['REQMOD'],
          previewBytes: 0,
          maxConnections: 9,
          optionsTtlSeconds: 60,
        },
      ],
      blades: [blade],
      strict: false,
      allow: ['0.0.0.0/0', '::/0'],
      trustIdentity: ['192.0.2.0/24'],
      limits: DEFAULT_SERVER_LIMITS,
      spool: DEFAULT_SPOOL,
      telemetry: { records: true, proxy() {}, gateway: (record) => void records.push(record), event() {} },
    });
    const { port } = await gateway.listen(0, '127.0.0.1', { tls: null, proxyProtocol: ['127.0.0.1'] });
    try {
      await using client = await rawClient(port);
      client.send(
        binary(icapClient, 5),
        `REQMOD icap://alice:secret@h/s ICAP/1.0\r\nHost: h\r\nAllow: 204\r\n${fields}Encapsulated: req-hdr=0, null-body=45\r\n\r\nGET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n`,
      );
      await client.until('ICAP/1.0 204');
    } finally {
      await gateway.close(0);
    }
    return { client: seen!.client, record: records[0]! };
  }

  const FIELDS = `X-Client-IP: 10.1.2.3\r\nX-Server-IP: 203.0.113.9\r\nX-Authenticated-User: ${base64('Local://alice')}\r\nX-Authenticated-Groups: ${base64('Local://staff')}\r\n`;
  const TOLD = { clientIp: '10.1.2.3', serverIp: '203.0.113.9', user: 'Local://alice' };

  test('G-10 blades are told what a trusted ICAP client says, and so is the log', async () => {
    const { client, record } = await judged('192.0.2.7', FIELDS);
    expect(client).toEqual({ ip: '10.1.2.3', user: 'Local://alice', groups: ['Local://staff'] });
    expect(record).toMatchObject({ icapClient: '192.0.2.7', ...TOLD });
  });

  test('G-10 of another one blades are told nothing, the log everything', async () => {
    const { client, record } = await judged('198.51.100.7', FIELDS);
    expect(client).toEqual({ ip: null, user: null, groups: [] });
    expect(record).toMatchObject({ icapClient: '198.51.100.7', ...TOLD });
  });

  test.each([
    ['empty ones', 'X-Client-IP:\r\nX-Authenticated-User:\r\nX-Authenticated-Groups: \r\n'],
    ['broken base64', 'X-Authenticated-User: ====\r\nX-Authenticated-Groups: !!\r\n'],
    ['a header of 50 KB', `X-Client-IP: ${'x'.repeat(50_000)}\r\n`],
    ['repeated ones', 'X-Client-IP: 10.0.0.1\r\nX-Client-IP: 10.0.0.2\r\n'],
    ['bytes of no encoding', 'X-Authenticated-User: \xff\xfe\xfd\r\n'],
  ])('G-11 identity fields never fail a transaction: %s', async (_, fields) => {
    const { record } = await judged('192.0.2.7', fields);
    expect(record).toMatchObject({ icapStatus: 204, verdict: 'allowed' });
    expect(JSON.stringify(record).length).toBeLessThan(2000);
  });

  test('C-04 user and password of the URI are in no record', async () => {
    const { record } = await judged('192.0.2.7', '');
    expect(JSON.stringify(record)).not.toMatch(/secret|alice/);
  });
});
