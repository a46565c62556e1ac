// testssl.sh against what clients meet inside a tunnel: protocol versions and renegotiation. With
// WEIR_FULL_CLIENTS=1 also cipher suites and their order and every vulnerability it knows, which takes minutes.

import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import net, { type AddressInfo, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { originServer } from '../support/originServer.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { requirePeer } from '../support/peers/requirePeer.ts';
import { runClient } from '../support/peers/run-client.ts';
import { tempDir } from '../support/tempDir.ts';
import { startTestWeir } from '../support/weir.ts';

const SERIOUS = ['MEDIUM', 'HIGH', 'CRITICAL'];
/** What short-lived certificates of an own authority have by design: they end soon and nobody revokes them. */
const BY_DESIGN = /^cert_(?:expirationStatus|notAfter|revocation)\b/;
const CHECKS = ['-p', '-R'];
const ALL_CHECKS = ['-s', '-p', '-P', '-S', '-f', '-U'];
const SLOW = 300_000;

interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

/** A port whose connections are tunnels through the proxy; testssl.sh looks names up, which no test may. */
async function tunnelPort(proxyPort: number, authority: string): Promise<AsyncDisposable & { port: number }> {
  const sockets = new Set<Socket>();
  const server = net.createServer((client) => {
    const proxy = net.connect(proxyPort, '127.0.0.1');
    for (const [socket, other] of [[client, proxy] as const, [proxy, client] as const]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    proxy.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    proxy.once('data', () => {
      // The answer to CONNECT comes alone: behind it the client speaks first.
      proxy.pipe(client);
      client.pipe(proxy);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

describeWithPeer(['testssl', 'openssl'], () => {
  test(
    'testssl.sh finds nothing of weight in an intercepted tunnel',
    async () => {
      // By a rule: a client that leaves after its handshake counts as one that pins, and would be passed through.
      const rules = [{ hosts: ['*'], action: 'bump' }];
      await using weir = await startTestWeir({ proxy: { tls: { rules, strict: true } } });
      await using origin = await originServer((_, response) => response.end('page'), { tls: true });
      await using tunnel = await tunnelPort(weir.proxyPort, `origin.test:${origin.port}`);
      await using home = await tempDir('weir-testssl-');
      await mkdir(home.join('trusted'));
      await writeFile(home.join('trusted/weir.pem'), weir.ca);
      const report = home.join('report.json');
      const result = await runClient(
        requirePeer('testssl'),
        [
          ...['--ip', '127.0.0.1', '--nodns', 'none', '--quiet', '--color', '0', '--warnings', 'off'],
          ...['--fast', ...(process.env['WEIR_FULL_CLIENTS'] === '1' ? ALL_CHECKS : CHECKS)],
          ...['--jsonfile', report, `https://origin.test:${tunnel.port}/`],
        ],
        { home: home.path, env: { CA_BUNDLES_PATH: home.join('trusted') }, timeLimitMs: SLOW },
      );
      const findings = JSON.parse(await readFile(report, 'utf8').catch(() => '[]')) as Finding[];
      const serious = findings.filter(
        ({ id, severity }) => SERIOUS.includes(severity) && !BY_DESIGN.test(id),
      );
      expect([serious, result.stderr]).toEqual([[], '']);
      const found = Object.fromEntries(findings.map(({ id, finding }) => [id, finding]));
      expect(found).toMatchObject({
        TLS1: 'not offered',
        TLS1_1: 'not offered',
        TLS1_2: 'offered',
        TLS1_3: 'offered with final',
        secure_client_renego: expect.stringMatching(/^(?:mitigated|not vulnerable)/i),
      });
      const spliced = weir.log().filter(({ tls }) => tls?.action === 'splice');
      expect(spliced).toEqual([]); // it was not the origin that was examined
    },
    SLOW,
  );
});
