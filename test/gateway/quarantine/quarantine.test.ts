// The quarantine on disk: what is kept how, found again, released and removed.

import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { QuarantineDesk } from '../../../src/gateway/quarantine/desk.ts';
import type { QuarantineEntry, QuarantineLimits } from '../../../src/gateway/quarantine/quarantine.ts';
import { Quarantine } from '../../../src/gateway/quarantine/quarantine.ts';
import { newIncidentId } from '../../../src/util/incident-id.ts';
import { eicar } from '../../support/eicar.ts';
import { tempDirForFile } from '../../support/tempDir.ts';

let base: string;
let count = 0;

beforeAll(async () => {
  base = await tempDirForFile('weir-quarantine-');
});

function open(limits: Partial<QuarantineLimits> = {}): Quarantine {
  const folder = `${base}/${count++}/deeper`;
  return new Quarantine({ folder, maxBytes: 1e6, maxAgeMs: 1e9, maxFile: 1e5, ...limits });
}

function entry(bytes: number): Omit<QuarantineEntry, 'stored' | 'releasedUntil'> {
  return {
    ...{ id: newIncidentId(), time: Date.now(), service: '/sandblast', profile: 'optimized' },
    ...{ direction: 'response', url: 'http://a.test/eicar.com', client: '10.0.0.1', user: 'alice' },
    ...{ threat: 'EICAR-Test-File', severity: 'high', reason: 'found', blade: 'antivirus' },
    ...{ sha256: 'ab'.repeat(32), bytes, contentType: null, contentEncoding: null },
  };
}

async function keep(quarantine: Quarantine, body: Buffer): Promise<string> {
  const described = entry(body.length);
  expect(await quarantine.keep(described, () => Readable.from([body], { objectMode: false }))).toBe(true);
  return described.id;
}

async function bodyOf(quarantine: Quarantine, id: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of await quarantine.open(id)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test('a body comes back byte for byte, and lies on disk so that nothing recognises or opens it', async () => {
  const quarantine = open();
  const bodies = [eicar(), Buffer.alloc(99_999, 'MZ')];
  for (const body of bodies) {
    const id = await keep(quarantine, body);
    const file = `${quarantine.limits.folder}/${id}.body.q`;
    const onDisk = await readFile(file);
    expect(onDisk.includes(body.subarray(0, 40))).toBe(false);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(file.replace('.body.q', '.json'))).mode & 0o777).toBe(0o600);
    expect(await bodyOf(quarantine, id)).toEqual(body);
  }
  expect((await stat(quarantine.limits.folder)).mode & 0o777).toBe(0o700);
  expect((await quarantine.list()).map(({ bytes, stored }) => [bytes, stored])).toEqual([
    [99_999, true],
    [68, true],
  ]);
});

test('of a body above maxFile only the description is kept', async () => {
  const quarantine = open({ maxFile: 10 });
  const id = await keep(quarantine, Buffer.alloc(11));
  expect(await quarantine.get(id)).toMatchObject({ id, stored: false, threat: 'EICAR-Test-File' });
  await expect(quarantine.open(id)).rejects.toMatchObject({ code: 'ERR_QUARANTINE' });
});

test('the oldest go when there is no room, and those that are too old in any case', async () => {
  const quarantine = open({ maxBytes: 1000 });
  const ids: string[] = [];
  for (let n = 0; n < 4; n++) ids.unshift(await keep(quarantine, Buffer.alloc(300)));
  expect((await quarantine.list()).map(({ id }) => id)).toEqual(ids.slice(0, 2)); // with what masks them
  const old = new Date(Date.now() - 2e9);
  await utimes(`${quarantine.limits.folder}/${ids[1]!}.body.q`, old, old);
  await quarantine.purge();
  expect((await quarantine.list()).map(({ id }) => id)).toEqual(ids.slice(0, 1));
  expect(await readdir(quarantine.limits.folder)).toHaveLength(2);
});

describe('what is not there', () => {
  test.each(['W-0000000000000', '../../etc/passwd', ''])('%j is refused', async (id) => {
    const quarantine = open();
    expect(await quarantine.get(id)).toBeNull();
    expect(await quarantine.delete(id)).toBe(false);
    await expect(quarantine.open(id)).rejects.toMatchObject({ code: 'ERR_QUARANTINE' });
    await expect(quarantine.markReleased(id, 1)).rejects.toMatchObject({ code: 'ERR_QUARANTINE' });
  });

  test('damaged descriptions are left out, a damaged body fails to open', async () => {
    const quarantine = open();
    const id = await keep(quarantine, eicar());
    await writeFile(`${quarantine.limits.folder}/${newIncidentId()}.json`, '{');
    await writeFile(`${quarantine.limits.folder}/${id}.body.q`, 'short');
    expect(await quarantine.list()).toHaveLength(1);
    await expect(bodyOf(quarantine, id)).rejects.toMatchObject({ code: 'ERR_SPOOL' });
  });

  test('a body that breaks off leaves nothing behind', async () => {
    const quarantine = open();
    const broken = () =>
      new Readable({
        read() {
          this.destroy(new Error('disk'));
        },
      });
    await expect(quarantine.keep(entry(10), broken)).rejects.toThrow('disk');
    expect(await readdir(quarantine.limits.folder)).toEqual([]);
  });
});

test('a release is noted in the description, known to every desk, and taken back', async () => {
  const { limits } = open();
  const verdicts = { folder: `${limits.folder}/verdicts`, entries: 1000, maxAgeMs: 1e9 };
  const desk = new QuarantineDesk({ quarantine: limits, verdicts });
  const id = await keep(new Quarantine(limits), eicar());
  const { releasedUntil, sha256 } = await desk.release(id, 60_000);
  expect(releasedUntil).toBeGreaterThan(Date.now());
  const release = { sha256, until: releasedUntil!, blade: 'antivirus' };
  const other = new QuarantineDesk({ quarantine: limits, verdicts });
  expect(await other.releases()).toMatchObject([{ ...release, until: expect.any(Number) }]);
  await desk.release(id, 0);
  expect(await desk.get(id)).toMatchObject({ releasedUntil: null });
  expect(await new QuarantineDesk({ quarantine: limits, verdicts }).releases()).toEqual([]);
});

test('an incident without content cannot be released', async () => {
  const { limits } = open();
  const desk = new QuarantineDesk({
    quarantine: limits,
    verdicts: { folder: `${limits.folder}/verdicts`, entries: 1000, maxAgeMs: 1e9 },
  });
  const incident = { id: newIncidentId(), sha256: null, blade: 'url-filter' };
  await expect(desk.releaseIncident(incident)).rejects.toMatchObject({ code: 'ERR_QUARANTINE' });
});
