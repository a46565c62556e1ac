import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { scan } from '../../app/icap.ts';
import { startClamd, type Clamd } from '../../support/peers/clamd.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { hasPeer } from '../../support/peers/find.mjs';
import { rawClient } from '../../support/rawClient.ts';
import { tempDir } from '../../support/tempDir.ts';
import { startTestWeir, type LocalWeir } from '../../support/weir.ts';
import { antivirusBlade, type TestBlade } from './blade-support.ts';

const ANTIVIRUS = fileURLToPath(new URL('../../../plugins/antivirus', import.meta.url));
const FOLDER = '/usr/share/clamav-testfiles';

/** ClamAV's test program, packed in every way that clamd opens. */
const FILES = hasPeer('clamav-testfiles')
  ? readdirSync(FOLDER).filter((name) => name.startsWith('clam'))
  : ['none'];
const bytesOf = (name: string): Buffer => readFileSync(path.join(FOLDER, name));

/** Those that only clamd opens: packed executables, installers, and formats that few programs know. */
const LEFT_TO_CLAMD = new Set([
  ...['aspack', 'fsg', 'mew', 'nsis', 'pespin', 'petite', 'upack', 'upx', 'wwpack', 'yc', 'ea05', 'ea06'].map(
    (packer) => `clam-${packer}.exe`.replace('-ea', '.ea'),
  ),
  ...['clam_IScab_ext.exe', 'clam_IScab_int.exe', 'clam_ISmsi_ext.exe', 'clam_ISmsi_int.exe'],
  ...['clam.impl.zip', 'clam.sis', 'clam.tnef'],
  ...['clam.exe.binhex', 'clam.exe.szdd', 'clam_cache_emax.tgz'],
]);

describeWithPeer(['clamd', 'clamav-testfiles'], () => {
  let clamd: Clamd;
  let weir: LocalWeir;
  let blade: TestBlade;

  beforeAll(async () => {
    clamd = await startClamd({ known: [{ name: 'ClamAV-Test-File', bytes: bytesOf('clam.exe') }] });
    weir = await startTestWeir({
      plugins: [{ use: ANTIVIRUS, with: { clamd: { socket: clamd.socketPath } } }],
    });
    await using rules = await tempDir();
    const start = bytesOf('clam.exe').subarray(0, 64).toString('hex');
    await rules.write(
      'clam.yar',
      `rule Clam { strings: $a = { ${start} } condition: weir_offset == 0 and $a at 0 and filesize == 544 }`,
    );
    blade = await antivirusBlade({ rules: [rules.path], workers: 1 });
  }, 30_000);
  afterAll(async () => {
    for (const part of [blade, weir, clamd]) await part?.[Symbol.asyncDispose]();
  });

  test('every sample that clamd catches is caught through /sandblast', async () => {
    await using client = await rawClient(weir.gatewayPort);
    expect((await scan(client, 'clean')).status).toBe(204);
    for (const name of FILES) {
      const { status } = await scan(client, bytesOf(name).toString('latin1'));
      expect([name, status]).toEqual([name, 200]); // blocked
    }
  });

  test.each(FILES.filter((name) => !LEFT_TO_CLAMD.has(name)))(
    'a rule finds the program in %s',
    async (name) => {
      expect(await blade.inspect(bytesOf(name))).toMatchObject({ kind: 'block', threat: 'Clam' });
    },
  );
});
