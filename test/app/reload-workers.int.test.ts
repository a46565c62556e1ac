// A gateway of worker processes: the reload reaches them, and the supervisor keeps what it has when they
// cannot start with it.

import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { startWeir } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { ResolvedConfig } from '../../src/config/types.ts';
import { rawClient } from '../support/rawClient.ts';
import { tempDir } from '../support/tempDir.ts';
import { scan } from './icap.ts';

const ANTIVIRUS = fileURLToPath(new URL('../../plugins/antivirus', import.meta.url));
const rule = (text: string): string => `rule Mine { strings: $a = "${text}" condition: $a }`;

test('G-12 S-16 workers of a gateway take over new rules, and keep theirs when those are wrong', async () => {
  await using folder = await tempDir();
  await using rules = await tempDir();
  const config = async (gateway: object = {}): Promise<ResolvedConfig> => {
    const settings = {
      gateway: { listen: '127.0.0.1:0', workers: { min: 2, max: 2 }, ...gateway },
      plugins: [{ use: ANTIVIRUS, with: { rules: [rules.path], workers: 1 } }],
      log: { file: folder.join('log') },
    };
    const path = await folder.write('weir.yaml', JSON.stringify(settings));
    return (await loadConfig({ path })).config;
  };
  await rules.write('mine.yar', rule('zebra'));
  const weir = await startWeir(await config(), { proxy: false, gateway: true });
  try {
    const [address] = weir.gatewayAddresses;
    const judge = async (text: string) => {
      await using client = await rawClient(Number(address!.split(':')[1]));
      return await scan(client, text);
    };
    expect(weir.watched).toContain(rules.path);
    const before = await judge('a giraffe');
    expect(before.status).toBe(204);

    await rules.write('mine.yar', rule('giraffe'));
    expect(await weir.reload(await config())).toMatchObject({ needsRestart: [] });
    expect(weir.gatewayAddresses).toEqual([address]);
    const after = await judge('a giraffe');
    expect(after.status).toBe(200);
    expect(after.istag).not.toBe(before.istag);

    await rules.write('wrong.yar', 'rule Wrong {');
    await expect(weir.reload(await config())).rejects.toMatchObject({
      code: 'ERR_PLUGIN_OPTIONS',
      message: expect.stringContaining('wrong.yar'),
    });
    expect(await judge('a giraffe')).toEqual(after);

    await rules.write('wrong.yar', '');
    const alone = await weir.reload(await config({ workers: { min: 0, max: 2 } }));
    expect(alone.needsRestart).toEqual(['gateway.workers.min']);
  } finally {
    await weir.stop(0);
  }
}, 90_000);
