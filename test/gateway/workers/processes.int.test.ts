// The command line with worker processes: signals, exit codes, orphans. Process ids come from the log.

import { expect, test } from '@jest/globals';
import { eicar } from '../../support/eicar.ts';
import { originServer } from '../../support/originServer.ts';
import { rawClient } from '../../support/rawClient.ts';
import { spawnWeir, type WeirProcess } from '../../support/runCli.ts';
import { tempDir, type TempDir } from '../../support/tempDir.ts';
import { startTestWeir } from '../../support/weir.ts';
import { allGone, eventually, isAlive, options, request, type LogLine } from './lab.ts';

const START_LIMIT_MS = 120_000; // may have to build first
const CONFIG = 'gateway: { listen: "127.0.0.1:0" }\nshutdown: { grace: 5s }\n';

interface Started {
  readonly weir: WeirProcess;
  readonly port: number;
  readonly pids: number[];
}

async function startGateway(folder: TempDir, text = CONFIG): Promise<Started> {
  await folder.write('weir.yaml', text);
  const weir = spawnWeir(['gateway'], { cwd: folder.path });
  const found = await weir.prints(/gateway +icap:\/\/127\.0\.0\.1:(\d+)\//, START_LIMIT_MS);
  await weir.prints(/workers +3 processes, at most 100 requests at a time\n/);
  const pids = await eventually(() => {
    const started = lines(weir).filter(({ because }) => because === 'start');
    return started.length === 3 ? started.map(({ worker }) => worker!) : weir.stdout();
  });
  return { weir, port: Number(found[1]), pids };
}

function lines(weir: WeirProcess): LogLine[] {
  return weir
    .stdout()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as LogLine);
}

async function answers(port: number): Promise<void> {
  await using client = await rawClient(port);
  client.send(request('echo'));
  await client.until('ICAP/1.0 204');
}

test(
  'G-12 weir gateway has three workers, which a SIGTERM ends with it, exit code 0',
  async () => {
    await using folder = await tempDir();
    const { weir, port, pids } = await startGateway(folder);
    await using _ = weir;
    expect(pids.every(isAlive)).toBe(true);
    await answers(port);
    weir.child.kill('SIGTERM');
    expect(await weir.exited).toBe(0);
    await allGone(pids);
    const ends = lines(weir).filter(({ because }) => because === 'shutdown');
    expect(ends).toHaveLength(3);
    expect(lines(weir).filter(({ kind }) => kind === 'gateway')).toHaveLength(1);
  },
  START_LIMIT_MS,
);

test(
  'workers ignore the signals of a terminal and end when their supervisor was killed',
  async () => {
    await using folder = await tempDir();
    const { weir, port, pids } = await startGateway(folder);
    await using _ = weir;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      for (const pid of pids) process.kill(pid, signal);
    }
    await answers(port);
    expect(pids.every(isAlive)).toBe(true);
    weir.child.kill('SIGKILL');
    await weir.exited;
    await allGone(pids);
  },
  START_LIMIT_MS,
);

test(
  'SIGHUP exchanges the workers for some with the new configuration, without a gap',
  async () => {
    await using folder = await tempDir();
    const { weir, port, pids } = await startGateway(folder);
    await using _ = weir;
    await folder.write(
      'weir.yaml',
      `${CONFIG}profiles: { optimized: { blades: { antivirus: { timeout: 7s } } } }\n`,
    );
    weir.child.kill('SIGHUP');
    await eventually(() => {
      const fresh = lines(weir).filter(
        ({ because, startMs }) => because === 'reload' && startMs !== undefined,
      );
      return fresh.length === 3 ? fresh : weir.stdout() + weir.stderr();
    });
    await answers(port);
    await allGone(pids);
    await answers(port);
    weir.child.kill('SIGTERM');
    expect(await weir.exited).toBe(0);
  },
  START_LIMIT_MS,
);

test('beside a proxy workers serve the port, with the ISTag of the gateway that the proxy calls', async () => {
  await using weir = await startTestWeir({ gateway: { workers: { min: 1, max: 1 } } });
  await using origin = await originServer((_, response) => void response.end(eicar()));
  expect((await weir.curl(`${origin.url}/eicar.com`)).status).toBe(403);
  const [own] = await weir.logged(({ kind, verdict }) => kind === 'gateway' && verdict === 'blocked');
  expect(own).toMatchObject({ icapClient: 'in-process', service: '/sandblast' });
  expect(own!['worker']).toBeUndefined();

  await using client = await rawClient(weir.gatewayPort);
  client.send(options('sandblast'));
  const tag = /ISTag: "([^"]+)"/.exec((await client.take('\r\n\r\n')).toString())![1]!;
  client.send(request('info'));
  expect((await client.until('Busy handlers')).toString()).toContain(tag);
  const [byWorker] = await weir.logged(({ kind, service }) => kind === 'gateway' && service === '/info');
  expect(byWorker!['worker']).toEqual(expect.any(Number));
});
