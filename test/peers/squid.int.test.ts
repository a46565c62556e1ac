import { expect, test } from '@jest/globals';
import { curl } from '../support/curl.ts';
import { originServer } from '../support/originServer.ts';
import { startCIcap } from '../support/peers/c-icap.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { startSquid } from '../support/peers/squid.ts';
import { connectThrough, rawClientOn } from '../support/rawClient.ts';
import { newTestCa, testCa } from '../support/testCa.ts';

describeWithPeer(['squid', 'c-icap', 'curl'], () => {
  test('squid bumps https and sends request and response through c-icap echo', async () => {
    const ca = await testCa();
    await using origin = await originServer(
      (request, response) => {
        response.end(`seen ${request.url ?? ''}`);
      },
      { tls: true },
    );
    await using icap = await startCIcap();
    await using squid = await startSquid({
      reqmod: icap.url('echo'),
      respmod: icap.url('echo'),
      originCaPath: ca.certPath,
    });
    const url = `https://origin.test:${origin.port}/page`;
    const result = await curl(['--proxy', `http://127.0.0.1:${squid.port}`, '--cacert', squid.caPath, url]);
    expect(result.stderr).toBe('');
    expect(result.status).toBe(200);
    expect(result.body.toString()).toBe('seen /page');
    const adapted = await icap.accessLog();
    expect(adapted).toMatch(/^REQMOD echo (200|204) /m);
    expect(adapted).toMatch(/^RESPMOD echo (200|204) /m);
  });

  test('a raw client reaches a TLS origin through a tunnel that squid bumps', async () => {
    await using origin = await originServer((_, response) => void response.end('deep'), { tls: true });
    await using squid = await startSquid({ originCaPath: (await testCa()).certPath });
    const target = `origin.test:${origin.port}`;
    await using client = rawClientOn(await connectThrough(squid.port, target, { ca: squid.ca }));
    client.send(`GET / HTTP/1.1\r\nHost: ${target}\r\nConnection: close\r\n\r\n`);
    expect((await client.closed()).toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*deep/);
    const stranger = connectThrough(squid.port, target, { ca: (await testCa()).cert });
    await expect(stranger).rejects.toMatchObject({ code: 'SELF_SIGNED_CERT_IN_CHAIN' });
  });

  test('squid answers an error for an origin that its CA did not sign', async () => {
    const stranger = await newTestCa('nobody trusts this');
    await using origin = await originServer((_, response) => void response.end('no'), {
      tls: true,
      ca: stranger,
    });
    await using squid = await startSquid({ originCaPath: (await testCa()).certPath });
    const url = `https://origin.test:${origin.port}/`;
    const result = await curl(['--proxy', `http://127.0.0.1:${squid.port}`, '--cacert', squid.caPath, url]);
    expect(result.status).toBe(503);
    expect(origin.requests).toHaveLength(0);
  });
});
