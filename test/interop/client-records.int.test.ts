// Who other makers' ICAP clients say that a message is from, and what came of it: what the gateway's log has
// of the dialogues of test/vectors/icap/clients, one record for each request that is not OPTIONS.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { LabClients } from '../icap/server/lab.ts';
import { clientsOf } from '../icap/server/lab.ts';
import { readVectors } from '../support/vectors.ts';
import { startTestWeir, type TestWeir } from '../support/weir.ts';

const NOBODY = { clientIp: null, serverIp: null, user: null };
const SCANNED = { service: '/sandblast', verdict: 'allowed', bytes: 68 };
const ECHOED = { service: '/echo', verdict: 'allowed' };
const CLIENT = { ...NOBODY, clientIp: '192.0.2.10' };
const BETWEEN = { ...CLIENT, serverIp: '198.51.100.7' };
const FORM = 'http://www.example.com/form';
const TEXT = 'http://www.example.com/a.txt';

interface Row {
  /** Id of the dialogue. */
  readonly id: string;
  readonly is: string;
  /** A part of each record, in order. */
  readonly records: readonly object[];
}

const ROWS: readonly Row[] = [
  {
    ...{ id: 'V-03', is: 'V-03 Squid: the plain name of X-Client-Username' },
    records: [{ ...SCANNED, ...CLIENT, user: 'alice', method: 'REQMOD', icapStatus: 204, url: FORM }],
  },
  {
    ...{ id: 'V-04', is: 'V-04 Squid: of a body that broke off, as many bytes as came' },
    records: [{ ...SCANNED, ...NOBODY, method: 'RESPMOD', icapStatus: 204, url: TEXT }],
  },
  {
    ...{ id: 'V-05', is: 'V-05 ProxySG: client, server and user, decoded, from two kinds of directory' },
    records: [
      { ...SCANNED, ...BETWEEN, user: 'WinNT://LAB/alice', method: 'RESPMOD', icapStatus: 204, url: TEXT },
      { ...SCANNED, ...CLIENT, user: 'LDAP:///cn=alice,o=lab', method: 'REQMOD', icapStatus: 204, url: FORM },
    ],
  },
  {
    ...{ id: 'V-08', is: 'V-08 F5 BIG-IP: 204 to the preview of a service that needs no more, else 200' },
    records: [
      { ...ECHOED, ...NOBODY, method: 'RESPMOD', icapStatus: 204, url: TEXT },
      { ...SCANNED, ...NOBODY, method: 'RESPMOD', icapStatus: 200, url: TEXT },
    ],
  },
  {
    ...{ id: 'V-09', is: 'V-09 FortiGate: the bare path leaves no verdict, the service does' },
    records: [{ ...SCANNED, ...BETWEEN, method: 'REQMOD', icapStatus: 200 }],
  },
  {
    ...{ id: 'V-09.preview', is: 'V-09 FortiGate with 204-response: 204 behind 100' },
    records: [{ ...SCANNED, ...BETWEEN, method: 'RESPMOD', icapStatus: 204 }],
  },
  {
    ...{ id: 'V-11', is: 'V-11 g3: 200 with and without preview, since it allows no 204' },
    records: [
      { ...SCANNED, ...CLIENT, method: 'RESPMOD', icapStatus: 200 },
      { ...SCANNED, ...CLIENT, method: 'RESPMOD', icapStatus: 200 },
    ],
  },
  {
    ...{ id: 'V-13', is: 'V-13 g3: an IPv6 client, and of two names for the user the one with its scheme' },
    records: [
      { ...SCANNED, clientIp: '2001:db8::10', user: 'Local://alice', method: 'REQMOD', icapStatus: 200 },
    ],
  },
  {
    ...{ id: 'V-32', is: 'V-32 rspamd: nobody is named, the part of the mail is scanned' },
    records: [{ ...SCANNED, ...NOBODY, method: 'RESPMOD', icapStatus: 204, url: 'http://127.0.0.1/mail' }],
  },
  {
    ...{ id: 'V-38', is: 'V-38 Check Point: the plain name of X-Authentication-User, at both points' },
    records: [
      { ...SCANNED, ...BETWEEN, user: 'alice', method: 'REQMOD', icapStatus: 204 },
      { ...SCANNED, ...BETWEEN, user: 'alice', method: 'RESPMOD', icapStatus: 204 },
    ],
  },
];

const pages = ['proxies', 'applications'].map((page) => readVectors(`icap/clients/${page}.md`));
const vectors = new Map((await Promise.all(pages)).flat().map((vector) => [vector.id, vector]));

describe('the log says of', () => {
  let weir: TestWeir;
  let clients: LabClients;
  beforeAll(async () => {
    weir = await startTestWeir();
    clients = clientsOf(weir.gatewayPort);
  });
  afterAll(async () => {
    clients[Symbol.dispose]();
    await weir[Symbol.asyncDispose]();
  });

  test.each(ROWS.map((row) => [row.is, row] as const))('%s', async (_, { id, records }) => {
    const ofVerdict = ({ kind, service }: { kind?: string; service?: unknown }): boolean =>
      kind === 'gateway' && (service === '/sandblast' || service === '/echo');
    const before = weir.log().filter(ofVerdict).length;
    await using client = await clients.connect();
    for (const frame of vectors.get(id)!.frames) {
      if (frame.side === 'C') await client.deliver(frame.bytes);
      else await client.answer();
    }
    const found = (await weir.logged(ofVerdict, before + records.length)).slice(before);
    expect(found).toHaveLength(records.length);
    for (const [index, part] of records.entries()) expect(found[index]).toMatchObject(part);
  });
});
