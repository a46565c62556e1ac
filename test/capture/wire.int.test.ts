// The bytes of ICAP as they were on the wire: read back as a dialogue, they say what was said.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { OverheardExchange } from '../../src/capture/icap-dialogue.ts';
import { IcapDialogue } from '../../src/capture/icap-dialogue.ts';
import { CaptureMemory } from '../../src/capture/memory.ts';
import { eicar } from '../support/eicar.ts';
import { type OriginServer, originServer } from '../support/originServer.ts';
import { type LocalWeir, startTestWeir } from '../support/weir.ts';

const LONG = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31) & 0xff));
const MiB = 1024 * 1024;

let weir: LocalWeir;
let origin: OriginServer;

beforeAll(async () => {
  origin = await originServer((request, response) => {
    request.resume().on('end', () => response.end(request.url === '/bad' ? eicar() : LONG));
  });
  weir = await startTestWeir((port) => ({
    adaptation: {
      services: { scan: { url: `icap://127.0.0.1:${port}/sandblast`, inProcess: false } },
      rules: [
        { point: 'reqmod', use: ['scan'] },
        { point: 'respmod', use: ['scan'] },
      ],
    },
  }));
});

afterAll(async () => {
  await weir.stop();
  await origin.close();
});

const memory = (totalBytes: number, wireBytes = MiB): CaptureMemory =>
  new CaptureMemory({
    ...{ bodyBytes: MiB, wireBytes, totalBytes },
    spool: { memoryBytes: MiB, folder: null },
  });

/** Fetches `path` and resolves with the id of its record. */
async function fetched(path: string, ...args: string[]): Promise<string> {
  await weir.curl(`${origin.url}${path}`, ...args);
  return (await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith(path)))[0]!.id;
}

test('what was sent and received reads back as the exchange that it was, body for body', async () => {
  const kept = memory(100 * MiB);
  weir.weir.capture(kept);
  const id = await fetched('/page?wire', '--data-binary', 'a form');
  weir.weir.capture(null);
  const { wire } = kept.get(id)!;
  const read = wire!.exchanges.map(({ service, address, sent, received }) => {
    expect([service, address]).toEqual(['scan', `127.0.0.1:${weir.gatewayPort}`]);
    const exchanges: OverheardExchange[] = [];
    const dialogue = new IcapDialogue(10 * MiB, (exchange) => exchanges.push(exchange));
    // All that was sent in answer to 100 Continue stands behind it here.
    dialogue.fromClient(sent.bytes);
    dialogue.fromServer(received.bytes);
    expect(dialogue.broken).toBeNull();
    expect(sent.total).toBe(sent.bytes.length);
    return exchanges[0]!;
  });
  expect(read.map(({ head }) => head.method)).toEqual(['REQMOD', 'RESPMOD']);
  expect(read[0]!.body?.bytes.toString()).toBe('a form');
  expect(read[1]!.body?.bytes.equals(LONG)).toBe(true);
  expect(read.map(({ answer }) => answer.head.status)).toEqual([204, 204]);
});

test('more than what may be kept is counted', async () => {
  const kept = memory(100 * MiB, 1000);
  weir.weir.capture(kept);
  const id = await fetched('/page?cut');
  weir.weir.capture(null);
  const { sent } = kept.get(id)!.wire!.exchanges.at(-1)!;
  expect(sent.bytes).toHaveLength(1000);
  expect(sent.total).toBeGreaterThan(LONG.length);
});

test('the oldest go first when memory is full, and a page of ours is not what the origin sent', async () => {
  const kept = memory(800_000, 0);
  weir.weir.capture(kept);
  const ids = [await fetched('/page?1'), await fetched('/page?2'), await fetched('/bad')];
  weir.weir.capture(null);
  expect(ids.map((id) => kept.get(id) !== null)).toEqual([true, true, true]);
  weir.weir.capture(kept);
  ids.push(await fetched('/page?3'));
  weir.weir.capture(null);
  expect(ids.map((id) => kept.get(id) !== null)).toEqual([false, true, true, true]);
  const bad = kept.get(ids[2]!)!;
  expect(await bad.responseBody!.part(0, 1000)).toEqual(eicar());
  expect(bad.response?.status).toBe(200);
  kept.clear();
  expect(kept.size).toBe(0);
});
