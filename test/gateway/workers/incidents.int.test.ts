// What a worker process finds, the process beside it knows: incidents by the channel between them, verdicts
// and the quarantine by their folders.

import { expect, test } from '@jest/globals';
import type { Incident } from '../../../src/telemetry/incidents.ts';
import { eicar } from '../../support/eicar.ts';
import { originServer } from '../../support/originServer.ts';
import { rawClient } from '../../support/rawClient.ts';
import { startTestWeir } from '../../support/weir.ts';

test('a block of a worker reaches the sinks, and the proxy beside it knows the verdict', async () => {
  await using weir = await startTestWeir((port) => ({
    gateway: {
      listen: `127.0.0.1:${port}`,
      workers: { min: 1, max: 1 },
      verdicts: { folder: 'verdicts' },
      quarantine: { folder: 'quarantine' },
    },
  }));
  const incident = new Promise<Incident>((resolve) => {
    weir.weir.incidents.attach({ incident: resolve });
  });
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/x-test\r\n\r\n';
  await using client = await rawClient(weir.gatewayPort);
  client.send(
    `RESPMOD icap://h/sandblast ICAP/1.0\r\nHost: h\r\nX-Client-IP: 10.0.0.9\r\nEncapsulated: res-hdr=0, res-body=${head.length}\r\n\r\n${head}44\r\n`,
    eicar(),
    '\r\n0\r\n\r\n',
  );
  await client.until('X-Infection-Found');
  expect(await incident).toMatchObject({
    ...{ kind: 'block', service: '/sandblast', client: '10.0.0.9', threat: 'EICAR-Test-File' },
    ...{ quarantined: true, cached: false },
  });
  await using origin = await originServer((_, response) => {
    response.setHeader('Content-Type', 'application/x-test').end(eicar());
  });
  // The first look at what others have found is with the first message.
  expect((await weir.curl(`${origin.url}/`)).status).toBe(403);
  const [record] = await weir.logged(
    ({ kind, icapClient, method }) =>
      kind === 'gateway' && icapClient === 'in-process' && method === 'RESPMOD',
  );
  expect(record!['blades']).toMatchObject([{ name: 'antivirus', verdict: 'block', cached: true }]);
});
