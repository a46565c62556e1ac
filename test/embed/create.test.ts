// The halves inside another program: objects for configuration, addresses, records, reload, close.

import { describe, expect, test } from '@jest/globals';
import { createGateway, createProxy } from '../../src/embed/create.ts';
import { IcapClient } from '../../src/embed/icap-client.ts';
import type { GatewayRecord, ProxyRecord } from '../../src/telemetry/records.ts';
import { curl } from '../support/curl.ts';
import { eicar } from '../support/eicar.ts';
import { originServer } from '../support/originServer.ts';
import { freePort } from '../support/supervised.ts';
import { tempDir } from '../support/tempDir.ts';
import { testCa } from '../support/testCa.ts';

const ANYWHERE = '127.0.0.1:0';

describe('createGateway', () => {
  test('serves ICAP clients, and tells of each message', async () => {
    const records: GatewayRecord[] = [];
    const hooks = { onGatewayRecord: (record: GatewayRecord) => records.push(record) };
    await using gateway = await createGateway({ gateway: { listen: ANYWHERE } }, hooks).listen();
    expect(gateway.gatewayAddresses).toEqual([expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/)]);
    expect([gateway.addresses, gateway.caPath]).toEqual([[], null]);
    using client = new IcapClient(`icap://${gateway.gatewayAddresses[0]!}/sandblast`);
    const { verdict, body } = await client.reqmod({ request: { url: 'http://a.test/' }, body: eicar() });
    body?.destroy();
    expect(verdict).toBe('blocked');
    expect(records).toMatchObject([{ method: 'REQMOD', service: '/sandblast', verdict: 'blocked' }]);
  });

  test('can be closed, and listens again', async () => {
    const gateway = createGateway({ gateway: { listen: ANYWHERE } });
    await gateway.close();
    await gateway.listen();
    const [first] = gateway.gatewayAddresses;
    expect(await gateway.listen()).toBe(gateway);
    expect(gateway.gatewayAddresses).toEqual([first]);
    await gateway.close(0);
    expect(gateway.gatewayAddresses).toEqual([]);
    await gateway.listen();
    expect(gateway.gatewayAddresses).toHaveLength(1);
    await gateway.close(0);
  });
});

describe('createProxy', () => {
  test('intercepts HTTPS with the gateway beside it, and tells of each transaction', async () => {
    await using folder = await tempDir();
    await using origin = await originServer((_req, res) => res.end(eicar()), { tls: true });
    const records: ProxyRecord[] = [];
    const proxy = createProxy(
      {
        proxy: { listen: ANYWHERE, certs: 'certs', upstream: { trust: [(await testCa()).certPath] } },
        gateway: { listen: ANYWHERE },
      },
      { gateway: true, folder: folder.path, onRecord: (record) => records.push(record) },
    );
    expect(proxy.addresses).toEqual([]);
    await using running = await proxy.listen();
    expect(running.caPath).toBe(folder.join('certs/ca.pem'));
    const via = ['--proxy', `http://${running.addresses[0]!}`, '--cacert', running.caPath!];
    expect((await curl([...via, `${origin.url}/file`])).status).toBe(403);
    expect(records).toMatchObject([{ url: `${origin.url}/file`, verdict: 'blocked' }]);
  });

  test('finds a gateway that runs apart, and goes on through a reload', async () => {
    await using folder = await tempDir();
    await using origin = await originServer((_req, res) => res.end(eicar()));
    const port = await freePort();
    await using _gateway = await createGateway({ gateway: { listen: `127.0.0.1:${port}` } }).listen();
    const config = {
      proxy: { listen: ANYWHERE, certs: folder.path },
      adaptation: { services: { scan: { url: `icap://127.0.0.1:${port}/sandblast` } } },
    };
    const rules = [{ point: 'respmod' as const, use: ['scan'] }];
    const scanning = { ...config, adaptation: { ...config.adaptation, rules } };
    await using proxy = await createProxy(scanning).listen();
    const get = () => curl(['--proxy', `http://${proxy.addresses[0]!}`, `${origin.url}/`]);
    expect((await get()).status).toBe(403);
    const open = { ...config, adaptation: { ...config.adaptation, rules: [] } };
    expect((await proxy.reload(open)).applied).toContain('adaptation.rules');
    expect((await get()).status).toBe(200);
    await expect(proxy.reload({ proxy: { listen: 'nowhere' } })).rejects.toThrow(/proxy\.listen/);
  });

  test('names everything that is wrong with a configuration at once', () => {
    const wrong = { proxy: { lisen: ANYWHERE }, gateway: { limits: { connections: 0 } } };
    expect(() => createProxy(wrong)).toThrow(/proxy\.lisen[^]*did you mean[^]*gateway\.limits\.connections/);
  });

  test('an address in use leaves nothing running, and a later try works', async () => {
    await using folder = await tempDir();
    const origin = await originServer(() => {});
    const listen = `127.0.0.1:${origin.port}`;
    await using proxy = createProxy({ proxy: { listen, certs: folder.path } });
    await expect(proxy.listen()).rejects.toMatchObject({ code: 'ERR_LISTEN' });
    await origin.close();
    await proxy.listen();
    expect(proxy.addresses).toEqual([listen]);
  });
});
