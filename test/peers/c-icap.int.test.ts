import { expect, test } from '@jest/globals';
import { eicar } from '../support/eicar.ts';
import { cIcapClient } from '../support/peers/c-icap-client.ts';
import { startCIcap } from '../support/peers/c-icap.ts';
import { CLAMD_EICAR_NAME, startClamd } from '../support/peers/clamd.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { tempDir } from '../support/tempDir.ts';

describeWithPeer(['c-icap', 'c-icap-client'], () => {
  test('c-icap answers OPTIONS for echo with its methods and allows 204', async () => {
    await using server = await startCIcap();
    const result = await cIcapClient(server.url('echo'), ['-v']);
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toMatch(/ICAP\/1\.0 200 OK/);
    expect(result.stderr).toMatch(/Methods: RESPMOD, REQMOD/);
    expect(result.stderr).toMatch(/Allow 204: Yes/);
    expect(await server.accessLog(/^OPTIONS echo 200 /m)).toMatch(/^OPTIONS echo 200 /m);
  });

  test('c-icap offers 206 on its ex206 service', async () => {
    await using server = await startCIcap();
    const result = await cIcapClient(server.url('ex206'), ['-v']);
    expect(result.stderr).toMatch(/Allow 206: Yes/);
  });

  test('a stopped c-icap no longer accepts connections', async () => {
    const codes: number[] = [];
    // Once in a while another suite's server has the free port already.
    for (let round = 0; round < 3 && !codes.some((code) => code !== 0); round++) {
      const server = await startCIcap();
      await server.stop();
      codes.push((await cIcapClient(server.url('echo'))).exitCode);
    }
    expect(codes.at(-1)).not.toBe(0);
  });
});

describeWithPeer(['c-icap', 'c-icap-client', 'virus_scan', 'clamd'], () => {
  test('virus_scan finds EICAR through clamd and lets a clean file pass', async () => {
    await using folder = await tempDir();
    await using clamd = await startClamd();
    await using server = await startCIcap({ clamdSocket: clamd.socketPath });
    const infected = await folder.write('infected', eicar());
    const clean = await folder.write('clean', 'nothing of interest\n');

    const found = await cIcapClient(server.url('avscan'), [
      '-v',
      '-f',
      infected,
      '-resp',
      'http://origin.test/a',
    ]);
    expect(found.stderr).toContain(`Threat=${CLAMD_EICAR_NAME};`);
    expect(found.stderr).toMatch(/HTTP\/1\.0 403 Forbidden/);

    const passed = await cIcapClient(server.url('avscan'), [
      '-v',
      '-f',
      clean,
      '-resp',
      'http://origin.test/b',
    ]);
    expect(passed.stderr).toMatch(/No modification needed \(Allow 204 response\)|ICAP\/1\.0 204/);
  });
});
