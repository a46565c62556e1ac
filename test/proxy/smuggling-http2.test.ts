// The corpus of HTTP/2 requests that become something else in HTTP/1, frame by frame through an intercepted
// tunnel to an origin that speaks HTTP/1 alone.

import { once } from 'node:events';
import tls from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DATA, END_STREAM, FrameClient, HEADERS, RST_STREAM, SETTINGS } from '../http2/frame-client.ts';
import type { Fields, Frame } from '../http2/frame-client.ts';
import type { Origin } from '../support/originServer.ts';
import { rawOrigin } from '../support/originServer.ts';
import { rawClient } from '../support/rawClient.ts';
import { decoded, outcomesOf, readCorpus, RecordingOrigin } from '../support/smuggling.ts';
import type { LocalWeir } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';

const CASES = await readCorpus('http2.md');

describe.each(['native', 'undici'])('passed on by the %s engine', (engine) => {
  const recorder = new RecordingOrigin();
  let weir: LocalWeir;
  let origin: Origin;
  let authority = '';

  beforeAll(async () => {
    origin = await rawOrigin((socket) => recorder.accept(socket), { tls: true });
    authority = `www.origin.test:${origin.port}`;
    weir = await startTestWeir({ proxy: { upstream: { engine } }, adaptation: { rules: [] } });
  });
  beforeEach(() => recorder.reset());
  afterAll(async () => {
    await weir[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  async function connect(): Promise<FrameClient> {
    const { socket, ...client } = await rawClient(weir.proxyPort);
    client.send(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    await client.take('\r\n\r\n');
    socket.removeAllListeners('data');
    const secure = tls.connect({ socket, ca: weir.ca, servername: 'www.origin.test', ALPNProtocols: ['h2'] });
    await once(secure, 'secureConnect');
    const frames = new FrameClient(secure);
    secure.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
    frames.send(SETTINGS, 0, 0);
    return frames;
  }

  test.each(CASES.map((one) => [one.name, one] as const))('%s', async (_, { bytes, outcome }) => {
    const request = requestOf(bytes, authority);
    using client = await connect();
    client.request(1, request.fields, request.body !== null);
    if (request.body !== null) client.send(DATA, END_STREAM, 1, Buffer.from(request.body, 'latin1'));
    client.request(3, requestOf('=:path=/end', authority).fields);
    await client.next(HEADERS, 3); // or the connection is closed
    // Not the first HEADERS of stream 1: those may be of a 100, before the origin has the body.
    const isEnd = ({ type, flags }: Frame): boolean =>
      type === RST_STREAM || ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0);
    await client.until(() => client.frames.some((got) => got.stream === 1 && isEnd(got)));

    expect(recorder.fault).toBeNull();
    expect(recorder.fields.filter(([name]) => name.startsWith('evil') || name === 'x-upper')).toEqual([]);
    const got = recorder.requests.filter((one) => one !== 'GET /end').join();
    expect(outcomesOf(outcome).map(({ passed }) => passed.join())).toContain(got);
  });
});

/** Fields and body of a row. */
function requestOf(row: string, authority: string): { fields: Fields; body: string | null } {
  const [fieldText = '', body = null] = row.split('>>', 2);
  const pseudo = new Map([
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', authority],
    [':path', '/a'],
  ]);
  const more: [string, string][] = [];
  for (const one of fieldText === '' ? [] : fieldText.split(';;')) {
    const [, mark, name = '', value = ''] = /^([=-]?)(:?[^=]*)(?:=(.*))?$/s.exec(one)!;
    const text = decoded(value, { a: authority });
    if (mark === '=') pseudo.set(name, text);
    else if (mark === '-') pseudo.delete(name);
    else more.push([decoded(name), text]);
  }
  return { fields: [...pseudo, ...more], body: body === null ? null : decoded(body) };
}
