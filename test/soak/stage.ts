// Everything that a soak needs, started: the origin, the servers, Weir, and what is going to be done to them.

import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { tempDir, type TempDir } from '../support/tempDir.ts';
import { Chaos } from './chaos.ts';
import type { Target } from './client.ts';
import { type FaultServer, startFaultServer } from './fault-server.ts';
import { LOG, NAMES, type Ports, writeSettings } from './setting.ts';
import { startSoakOrigin, type SoakOrigin } from './origin.ts';
import { numberIn } from './plan.ts';
import { CIcapInstance, freePorts, type Victim, WeirInstance } from './processes.ts';
import { randomFrom } from './random.ts';

const BOOTSTRAP = fileURLToPath(new URL('../../bin/bootstrap.mjs', import.meta.url));

export interface Stage extends AsyncDisposable {
  /** True: the folder stays when the stage goes. */
  keepFolder: boolean;
  readonly folder: TempDir;
  readonly ports: Ports;
  /** What clients have to know. */
  readonly target: Target;
  readonly origin: SoakOrigin;
  readonly weir: WeirInstance;
  readonly victims: readonly Victim[];
  readonly faults: FaultServer;
  readonly chaos: Chaos;
  readonly logPath: string;
  /** Of the Weir under test. */
  readonly spoolFolder: string;
}

/** @param onProblem  told what origin and servers find wrong, with the request's number where it has one */
export async function startStage(
  seed: number,
  onProblem: (problem: string, number?: number | null) => void,
): Promise<Stage> {
  await promisify(execFile)(process.execPath, [BOOTSTRAP]); // what runs is what was built
  const cleanUps: (() => PromiseLike<unknown>)[] = [];
  const cleanUp = async (): Promise<void> => {
    for (const step of cleanUps.reverse()) await step();
  };
  try {
    const folder = await tempDir('weir-soak-');
    cleanUps.push(async () => {
      if (!stage.keepFolder) await folder[Symbol.asyncDispose]();
    });
    for (const name of ['weir', 'one', 'two']) mkdirSync(folder.join(`spool-${name}`));
    const origin = await startSoakOrigin(NAMES, (number, problem) => onProblem(problem, number));
    cleanUps.push(() => origin[Symbol.asyncDispose]());
    const faults = await startFaultServer(randomFrom(seed + 1), (name, { sections }) => {
      const line = sections[0]?.toString('latin1').split('\r\n', 1)[0] ?? '';
      const number = numberIn(line);
      if (number !== null) origin.note(number, `the fault server ${name}`);
    });
    cleanUps.push(() => faults.stop());
    const [proxy, local, dashboard, one, two, cIcap] = (await freePorts(6)) as [
      ...[number, number, number, number, number, number],
    ];
    const ports: Ports = { proxy, local, dashboard, one, two, cIcap, faults: faults.port };
    await writeSettings(folder, ports);
    const weir = new WeirInstance('weir', 'start', ports.proxy, folder);
    const victims = [
      new WeirInstance('one', 'gateway', ports.one, folder),
      new WeirInstance('two', 'gateway', ports.two, folder),
      new CIcapInstance(ports.cIcap),
    ];
    const chaos = new Chaos({ ...{ random: randomFrom(seed + 2), victims, faults, weir }, onProblem });
    const servers: Victim[] = [weir, ...victims];
    for (const server of servers) cleanUps.push(() => server.kill());
    await Promise.all(servers.map((server) => server.start()));
    await weir.listensAt([ports.local, ports.dashboard]);
    const target: Target = {
      ...{ proxyPort: ports.proxy, originPort: origin.port, originSecurePort: origin.securePort },
      ca: readFileSync(folder.join('certs/ca.pem'), 'utf8'),
    };
    const stage: Stage = {
      ...{ keepFolder: false, folder, ports, target, origin, weir, victims, faults, chaos },
      ...{ logPath: folder.join(LOG), spoolFolder: folder.join('spool-weir') },
      [Symbol.asyncDispose]: cleanUp,
    };
    return stage;
  } catch (error) {
    await cleanUp();
    throw error;
  }
}
