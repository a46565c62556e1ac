// What a block causes outside: a syslog message and a webhook, of the same incident; also after a reload, and for
// records of transactions.

import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { expect, test } from '@jest/globals';
import { eicar } from '../support/eicar.ts';
import { originServer } from '../support/originServer.ts';
import { tempDir } from '../support/tempDir.ts';
import { startTestWeir } from '../support/weir.ts';

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Lines that a receiver gets, and who waits for more. */
class Lines {
  readonly all: string[] = [];
  #waits: (() => void)[] = [];

  add(line: string): void {
    this.all.push(line);
    for (const wake of this.#waits.splice(0)) wake();
  }

  async with(...texts: string[]): Promise<string> {
    for (;;) {
      const found = this.all.find((line) => texts.every((text) => line.includes(text)));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waits.push(resolve));
    }
  }
}

test('a block reaches the SIEM and the webhook, a reload changes the format, and transactions go too where they are wanted', async () => {
  await using folder = await tempDir();
  await using origin = await originServer((_, response) => response.end(eicar()));
  const lines = new Lines();
  const siem = net.createServer((socket) => {
    let rest = '';
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const parts = (rest + chunk.toString()).split('\n');
      rest = parts.pop()!;
      for (const part of parts) lines.add(part);
    });
  });
  const posted = new Lines();
  const receiver = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      posted.add(body);
      response.end();
    });
  });
  const url = `tcp://127.0.0.1:${await portOf(siem)}`;
  const hook = { name: 'soc', url: `http://127.0.0.1:${await portOf(receiver)}/`, secret: 'x'.repeat(16) };
  const settings = (syslog: object) => ({
    log: { file: folder.join('log'), syslog: [{ url, framing: 'newline', ...syslog }] },
    webhooks: [{ ...hook, folder: folder.join('hook') }],
  });
  {
    await using weir = await startTestWeir(settings({ format: 'cef' }));
    const incidentOf = async (path: string): Promise<string> => {
      const { status, header } = await weir.curl(`http://a.test:${origin.port}${path}`);
      expect(status).toBe(403);
      return header('X-Weir-Incident')!;
    };
    const first = await incidentOf('/one?password=hunter2');
    expect(await lines.with(first)).toMatch(/ - CEF:0\|Weir\|Weir\|[^|]+\|block\|Content blocked\|8\|/);
    const told = JSON.parse(await posted.with(first)) as { event: string; incident: object };
    expect(told).toMatchObject({
      ...{ event: 'incident.block', incident: { id: first, client: '127.0.0.1', blade: 'antivirus' } },
    });

    await weir.reload(settings({ format: 'json', send: ['incidents', 'gateway', 'proxy'] }));
    const second = await incidentOf('/two');
    await posted.with(second);
    await lines.with(`"id":"${second}"`, '"type":"block"');
    await lines.with(`"id":"${second}"`, '"type":"icap-transaction"');
    expect(await lines.with(`"id":"${second}"`, '"type":"http-transaction"')).toContain('"action":"blocked"');
    expect(lines.all.join() + posted.all.join()).not.toContain('hunter2');
    await weir.stop(0);
  }
  siem.close();
  receiver.close();
  receiver.closeAllConnections();
});
