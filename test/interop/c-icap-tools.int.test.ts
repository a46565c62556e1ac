// c-icap's client and load generator against our gateway: every way to offer a preview, 204 and 206, and
// many connections at once. The client's ordinary journeys are test/e2e/foreign-icap-clients.int.test.ts.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { eicar, eicarZip } from '../support/eicar.ts';
import { cIcapClient } from '../support/peers/c-icap-client.ts';
import { cIcapStretch } from '../support/peers/c-icap-stretch.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';
import { type LogRecord, startTestWeir, type TestWeir } from '../support/weir.ts';

const RESPMOD = ['-resp', 'http://origin.test/a'];
const REQMOD = ['-req', 'http://origin.test/a', '-method', 'POST'];
const FILES: Readonly<Record<string, Buffer>> = {
  one: Buffer.from('1'),
  preview: randomBytes(4096),
  longer: randomBytes(4097),
  large: randomBytes(300_000),
};

let weir: TestWeir;
let folder: TempDir;
const url = (service: string): string => `icap://127.0.0.1:${weir.gatewayPort}/${service}`;

beforeAll(async () => {
  weir = await startTestWeir();
  folder = await tempDir();
  for (const [name, bytes] of Object.entries(FILES)) await folder.write(name, bytes);
  await folder.write('eicar', eicar());
  await folder.write('eicar.zip', eicarZip());
  await folder.write('urls', 'http://origin.test/1\nhttp://origin.test/2?query=x\n');
});
afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

describeWithPeer('c-icap-client', () => {
  // What OPTIONS offers (4096) is the most that the client uses; 0 sends nothing ahead.
  const switches = [['-w', '0'], ['-w', '68'], ['-w', '4096'], ['-nopreview']];
  const allowances = [[], ['-206'], ['-no204'], ['-no204', '-206']];
  const cases = switches.flatMap((preview) => allowances.map((allow) => ({ args: [...preview, ...allow] })));

  test.each(cases)('C-40 C-61 $args: the client gets back what it sent', async ({ args }) => {
    const send = async (service: string, point: readonly string[], name: string): Promise<void> => {
      const out = folder.join(`out-${Math.random()}`);
      const file = ['-f', folder.join(name), '-o', out];
      const { stderr } = await cIcapClient(url(service), ['-v', ...file, ...point, ...args]);
      const written = await readFile(out).catch(() => Buffer.alloc(0));
      // The client writes nothing where the gateway told it to keep what it has.
      if (written.length > 0) expect(written.equals(FILES[name]!)).toBe(true);
      else expect(stderr).toMatch(/ICAP\/1\.0 20[46]|No modification needed/);
    };
    for (const service of ['echo', 'sandblast']) {
      for (const point of [RESPMOD, REQMOD]) {
        await Promise.all(Object.keys(FILES).map((name) => send(service, point, name)));
      }
    }
  });

  test.each(cases)('K-62 $args: EICAR is blocked', async ({ args }) => {
    for (const file of ['eicar', 'eicar.zip']) {
      const { stderr } = await cIcapClient(url('sandblast'), [
        '-v',
        ...['-f', folder.join(file), '-o', folder.join(`out-${Math.random()}`)],
        ...RESPMOD,
        ...args,
      ]);
      expect(stderr).toMatch(/Threat=EICAR-Test-File;/);
      expect(stderr).toMatch(/HTTP\/1\.\d 403 Forbidden/);
    }
  });
});

// Each thread of the load generator rests between its requests: many threads make the load.
describeWithPeer('c-icap-stretch', () => {
  test.each(['echo', 'sandblast'])(
    'G-03 a hundred threads send files to /%s without a failure',
    async (name) => {
      const files = Object.keys(FILES).map((file) => folder.join(file));
      const result = await cIcapStretch(url(name), { threads: 100, requests: 300, files });
      expect(result).toMatchObject({ exitCode: 0, failed: 0 });
      expect(result.served).toBeGreaterThanOrEqual(300);
    },
  );

  test('G-03 a hundred threads send EICAR among others, and each of it is blocked', async () => {
    const files = [folder.join('eicar'), folder.join('one')];
    const result = await cIcapStretch(url('sandblast'), { threads: 100, requests: 200, files });
    expect(result).toMatchObject({ exitCode: 0, failed: 0 });
    const scanned = (bytes: number) => (record: LogRecord) =>
      record.kind === 'gateway' && record['bytes'] === bytes;
    const [clean, infected] = [await weir.logged(scanned(1)), await weir.logged(scanned(eicar().length))];
    expect(new Set(clean.map(({ verdict }) => verdict))).toEqual(new Set(['allowed']));
    expect(new Set(infected.map(({ verdict }) => verdict))).toEqual(new Set(['blocked']));
  });

  test('G-03 threads send requests without a body, and nothing fails', async () => {
    const urls = folder.join('urls');
    const result = await cIcapStretch(url('sandblast'), { threads: 8, requests: 12, urls });
    expect(result).toMatchObject({ exitCode: 0, failed: 0 });
    expect(result.served).toBeGreaterThanOrEqual(12);
  });
});
