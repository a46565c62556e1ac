// Who a message is from, as ICAP services are told. K-13; V-50 … V-55.

import { describe, expect, test } from '@jest/globals';
import type { AdaptationMessage } from '../../../src/icap/client/adaptation.ts';
import type { IdentityOptions } from '../../../src/icap/client/identity.ts';
import { NO_CONTENT, optionsAnswer, respmod, scriptedIcap } from './scripted-icap.ts';

const KNOWN: Partial<AdaptationMessage> = {
  clientIp: '192.0.2.10',
  serverIp: '198.51.100.7',
  user: 'alice',
  groups: ['staff', 'admins'],
};
const NAMES = /^(?:X-Client-IP|X-Server-IP|X-Auth|X-Client-Username)/;

/** Identity fields of one request, as the server gets them. */
async function sent(
  include: string,
  identity?: IdentityOptions,
  message: Partial<AdaptationMessage> = KNOWN,
): Promise<readonly string[]> {
  let fields: readonly string[] = [];
  await using server = await scriptedIcap(
    (peer, request) => {
      fields = request
        .split('\r\n\r\n', 1)[0]!
        .split('\r\n')
        .filter((line) => NAMES.test(line));
      peer.send(NO_CONTENT);
    },
    { options: () => optionsAnswer(include === '' ? [] : [`X-Include: ${include}`]) },
  );
  await server.client(identity === undefined ? {} : { identity }).adapt(respmod(null, message));
  return fields;
}

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

test('K-13 nobody is told anything that was not asked for', async () => {
  expect(await sent('')).toEqual([]);
  expect(await sent('X-Subscriber-ID, Via')).toEqual([]);
});

test('K-13 X-Include decides, in any case', async () => {
  expect(await sent('x-client-ip, X-Server-IP')).toEqual([
    'X-Client-IP: 192.0.2.10',
    'X-Server-IP: 198.51.100.7',
  ]);
});

test('V-52 V-53 users and groups are base64 of URIs, several lines for several groups', async () => {
  expect(await sent('X-Authenticated-User, X-Authenticated-Groups')).toEqual([
    'X-Authenticated-User: TG9jYWw6Ly9hbGljZQ==',
    `X-Authenticated-Groups: ${base64('Local://staff\nLocal://admins')}`,
  ]);
});

test('V-55 the fields of Check Point and Squid are plain text', async () => {
  expect(await sent('X-Authentication-User, X-Client-Username')).toEqual([
    'X-Authentication-User: alice',
    'X-Client-Username: alice',
  ]);
});

test('K-13 what is not known is not sent', async () => {
  const nobody = { clientIp: null, serverIp: null, user: null, groups: [] };
  expect(
    await sent('X-Client-IP, X-Server-IP, X-Authenticated-User, X-Authenticated-Groups', undefined, nobody),
  ).toEqual([]);
});

test('K-13 the configuration names fields that the service does not ask for, and leaves out others', async () => {
  const identity: IdentityOptions = { headers: ['X-Client-Username'], encoding: 'auto' };
  expect(await sent('X-Client-IP, X-Authenticated-User', identity)).toEqual(['X-Client-Username: alice']);
});

describe('the encoding', () => {
  const all: IdentityOptions['headers'] = [
    'X-Authenticated-User',
    'X-Authenticated-Groups',
    'X-Client-Username',
  ];

  test('plain', async () => {
    expect(await sent('', { headers: all, encoding: 'plain' })).toEqual([
      'X-Authenticated-User: alice',
      'X-Authenticated-Groups: staff,admins',
      'X-Client-Username: alice',
    ]);
  });
  test('base64', async () => {
    expect((await sent('', { headers: all, encoding: 'base64' }))[2]).toBe(
      `X-Client-Username: ${base64('alice')}`,
    );
  });
  test('a name that is a URI already is taken as it is', async () => {
    expect(await sent('X-Authenticated-User', undefined, { user: 'WinNT://CORP/alice' })).toEqual([
      `X-Authenticated-User: ${base64('WinNT://CORP/alice')}`,
    ]);
  });
  test('a plain name goes out as UTF-8, and never ends the line', async () => {
    const identity: IdentityOptions = { headers: ['X-Client-Username'], encoding: 'plain' };
    expect(await sent('', identity, { user: 'zoë' })).toEqual([
      `X-Client-Username: ${Buffer.from('zoë').toString('latin1')}`,
    ]);
    expect(await sent('', identity, { user: 'a\r\nEncapsulated: null-body=0' })).toEqual([]);
  });
});

test('V-50 addresses are dotted IPv4 or bare IPv6', async () => {
  const of = async (clientIp: string) => sent('X-Client-IP', undefined, { clientIp });
  expect(await of('::ffff:192.0.2.10')).toEqual(['X-Client-IP: 192.0.2.10']);
  expect(await of('fe80::1%eth0')).toEqual(['X-Client-IP: fe80::1']);
});

test('K-72 fields of other services are passed on, but none that decides the framing', async () => {
  let request = '';
  await using server = await scriptedIcap((peer, received) => {
    request = received;
    peer.send(NO_CONTENT);
  });
  const extraIcapHeaders = ['X-ICAP-E2G', 'abc', 'encapsulated', 'null-body=0', 'Preview', '9', 'Host', 'x'];
  await server.client().adapt(respmod(null, { extraIcapHeaders }));
  expect(request).toContain('\r\nX-ICAP-E2G: abc\r\n');
  expect(request.match(/\r\n(?:encapsulated|host): /gi)).toHaveLength(3); // Host of ICAP, Encapsulated, Host of HTTP
  expect(request).not.toContain('Preview');
});
