import { access } from 'node:fs/promises';
import net from 'node:net';
import { expect, test } from '@jest/globals';
import { rawClient } from '../support/rawClient.ts';
import { spawnWeir } from '../support/runCli.ts';
import { accepts } from '../support/supervised.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';

const CONFIG = `proxy: { listen: "127.0.0.1:0", certs: certs }
gateway: { listen: "127.0.0.1:0" }
dashboard: { listen: "127.0.0.1:0" }
shutdown: { grace: 2s }
`;
const PROXY = /proxy +http:\/\/127\.0\.0\.1:(\d+)/;
const GATEWAY = /gateway +icap:\/\/127\.0\.0\.1:(\d+)\/sandblast/;
const START_LIMIT_MS = 120_000; // may have to build first

async function folderWithConfig(text = CONFIG): Promise<TempDir> {
  const folder = await tempDir();
  await folder.write('weir.yaml', text);
  return folder;
}

test(
  'start prints addresses, CA and a curl line, keeps standard output for the log, and ends with 0 on SIGTERM',
  async () => {
    await using folder = await folderWithConfig();
    await using weir = spawnWeir(['start'], { cwd: folder.path });
    const port = Number((await weir.prints(PROXY, START_LIMIT_MS))[1]);
    await weir.prints(GATEWAY);
    await weir.prints(/CA +certs\/ca\.pem {2}\(created/);
    await weir.prints(new RegExp(`curl -x http://127\\.0\\.0\\.1:${port} --cacert certs/ca\\.pem https://`));
    await accepts(port);
    weir.child.kill('SIGTERM');
    expect(await weir.exited).toBe(0);
    for (const line of weir.stdout().split('\n').filter(Boolean)) JSON.parse(line);
  },
  START_LIMIT_MS,
);

test(
  'start on a port in use exits with 2 and one line that names the flag',
  async () => {
    await using folder = await folderWithConfig();
    const taken = net.createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as net.AddressInfo;
    try {
      await using weir = spawnWeir(['start', '--proxy-listen', `127.0.0.1:${port}`], { cwd: folder.path });
      expect(await weir.exited).toBe(2);
      expect(weir.stderr().trimEnd().split('\n').at(-1)).toMatch(
        new RegExp(
          `^weir: 127\\.0\\.0\\.1:${port} is already in use: .* --proxy-listen 127\\.0\\.0\\.1:\\d+$`,
        ),
      );
    } finally {
      taken.close();
    }
  },
  START_LIMIT_MS,
);

test(
  'gateway opens no proxy and makes no CA',
  async () => {
    await using folder = await folderWithConfig();
    await using weir = spawnWeir(['gateway'], { cwd: folder.path });
    const port = Number((await weir.prints(GATEWAY, START_LIMIT_MS))[1]);
    await using client = await rawClient(port);
    client.send(`OPTIONS icap://127.0.0.1:${port}/echo ICAP/1.0\r\nHost: 127.0.0.1\r\n\r\n`);
    expect((await client.until('\r\n\r\n')).toString()).toMatch(/^ICAP\/1\.0 200 /);
    expect(weir.stderr()).not.toMatch(PROXY);
    await expect(access(folder.join('certs/ca.pem'))).rejects.toMatchObject({ code: 'ENOENT' });
    weir.child.kill('SIGINT');
    expect(await weir.exited).toBe(0);
  },
  START_LIMIT_MS,
);

test(
  'a bad configuration on SIGHUP is refused and the old one stays in force',
  async () => {
    await using folder = await folderWithConfig();
    await using weir = spawnWeir(['start'], { cwd: folder.path });
    const port = Number((await weir.prints(PROXY, START_LIMIT_MS))[1]);
    await folder.write('weir.yaml', 'proxy: { lisen: x }\n');
    weir.child.kill('SIGHUP');
    await weir.prints(
      /weir\.yaml:1:10 +proxy\.lisen: unknown key; did you mean listen\?\nweir: reload refused/,
    );
    await accepts(port);
  },
  START_LIMIT_MS,
);

test(
  'the command prints nothing but the answer on standard output',
  async () => {
    await using weir = spawnWeir(['check', '--json'], { cwd: '/' });
    expect(await weir.exited).toBe(0);
    expect(JSON.parse(weir.stdout())).toEqual({ ok: true, file: null, problems: [], warnings: [] });
  },
  START_LIMIT_MS,
);
