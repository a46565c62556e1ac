// `proxy.upstream.engine` decides which engine carries the exchanges of a running Weir.

import { expect, test } from '@jest/globals';
import { rawClient } from '../../support/rawClient.ts';
import { startTestWeir } from '../../support/weir.ts';
import { answering, asWrittenBy } from './engine-support.ts';
import type { EngineName } from './engine-support.ts';

test.each([
  ['by default', {}, 'native'],
  ['when told so', { upstream: { engine: 'undici' } }, 'undici'],
] as [string, Record<string, unknown>, EngineName][])(
  '%s, requests go out as this engine writes them',
  async (...row) => {
    const [, proxy, name] = row;
    await using weir = await startTestWeir({ proxy });
    await using origin = await answering('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello');
    await using client = await rawClient(weir.proxyPort);
    client.send(
      `GET http://127.0.0.1:${origin.port}/ HTTP/1.1\r\nHost: 127.0.0.1:${origin.port}\r\nX-A: b\r\n\r\n`,
    );
    expect((await client.until('hello')).toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    const head = origin.peers[0]!.received().toString('latin1');
    const via = /Via: .*/.exec(head)![0];
    expect(head).toBe(
      asWrittenBy(name, `GET / HTTP/1.1\r\nHost: 127.0.0.1:${origin.port}\r\nX-A: b\r\n${via}\r\n\r\n`),
    );
  },
);
