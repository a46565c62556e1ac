// The proxy settings of a desktop: GNOME's by gsettings, macOS' by networksetup, Windows' in the registry. What
// GNOME had before is kept, so that `off` puts it back; elsewhere, and without that, `off` means no proxy.

import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../ca/files.ts';
import { ConfigError } from '../errors.ts';
import { stateFolder } from './record.ts';
import { outcomeOf, programOn, shellLine } from './steps.ts';
import type { Machine } from './store.ts';

export const DESKTOPS = ['gnome', 'macos', 'windows'] as const;
export type Desktop = (typeof DESKTOPS)[number];

type Command = readonly [string, ...string[]];

/** What is to be done, to be shown or taken. */
export interface ProxyChange {
  /** For a shell. */
  readonly lines: readonly string[];
  /** What there is to say when it is done. */
  readonly done: string;
  /** @throws {ConfigError} `ERR_SYSTEM_PROXY`: a program is missing, or fails */
  take(): Promise<void>;
}

const BEFORE = z.object({
  version: z.literal(1),
  desktop: z.enum(DESKTOPS),
  /** Commands that put back what was. */
  restore: z.array(z.array(z.string()).min(1)).max(200),
});

/** Never through a proxy: nobody else can fetch them. GNOME's own default, without *.local. */
const LOCAL = ['localhost', '127.0.0.0/8', '::1'];

const GNOME = 'org.gnome.system.proxy';
const REGISTRY = 'HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings';

/** The desktop of a machine. */
export function desktopOf({ platform }: Machine): Desktop {
  if (platform === 'darwin') return 'macos';
  return platform === 'win32' ? 'windows' : 'gnome';
}

export class DesktopProxy {
  readonly #machine: Machine;
  readonly #desktop: Desktop;
  readonly #file: string;

  constructor(machine: Machine, desktop: Desktop) {
    this.#machine = machine;
    this.#desktop = desktop;
    this.#file = path.join(stateFolder(machine), 'system-proxy.json');
  }

  /** Sends HTTP and HTTPS to an address. */
  async on({ host, port }: { readonly host: string; readonly port: number }): Promise<ProxyChange> {
    const services = this.#desktop === 'macos' ? await this.#services() : [];
    const commands = {
      gnome: () => gnomeOn(host, port),
      macos: () => services.flatMap((service) => macOn(service, host, port)),
      windows: () => windowsOn(host, port),
    }[this.#desktop]();
    return this.#change(
      commands,
      `${NAMES[this.#desktop]} uses ${host}:${port} now.${this.#later}`,
      async () => {
        if ((await this.#before()) !== null) return; // what was before the first `on` counts
        const restore = this.#desktop === 'gnome' ? await this.#gnomeNow() : this.#offCommands(services);
        await mkdir(path.dirname(this.#file), { recursive: true, mode: 0o700 });
        const text = JSON.stringify({ version: 1, desktop: this.#desktop, restore }, null, 2);
        await replaceFile(this.#file, `${text}\n`, 0o600);
      },
    );
  }

  /** Puts back what was before. */
  async off(): Promise<ProxyChange> {
    const before = await this.#before();
    const services = this.#desktop === 'macos' && before === null ? await this.#services() : [];
    const commands = before ?? this.#offCommands(services);
    const done = `${NAMES[this.#desktop]} is as it was before.${this.#later}`;
    const change = this.#change(commands, done, () => Promise.resolve());
    const take = async (): Promise<void> => {
      await change.take();
      await rm(this.#file, { force: true });
    };
    return { ...change, take };
  }

  #change(commands: readonly Command[], done: string, first: () => Promise<void>): ProxyChange {
    const take = async (): Promise<void> => {
      const program = commands[0]?.[0] ?? 'nothing';
      if (programOn(this.#machine.env, [program, `${program}.exe`]) === null) {
        throw failed(`${program} is not on this machine`);
      }
      await first();
      for (const command of commands) {
        const { code, stderr } = await outcomeOf(command);
        if (code !== 0) throw failed(`${command.join(' ')}: ${stderr.trim().slice(0, 300)}`);
      }
    };
    const isWindows = this.#desktop === 'windows';
    const lines = commands.map((command) =>
      isWindows ? command.map(windowsWord).join(' ') : shellLine({ do: 'run', command }),
    );
    return { lines, done, take };
  }

  get #later(): string {
    return this.#desktop === 'windows' ? ' Programs that run notice it when they are started anew.' : '';
  }

  #offCommands(services: readonly string[]): readonly Command[] {
    return {
      gnome: () => [['gsettings', 'set', GNOME, 'mode', 'none'] as const],
      macos: () =>
        services.flatMap((service): Command[] => [
          ['networksetup', '-setwebproxystate', service, 'off'],
          ['networksetup', '-setsecurewebproxystate', service, 'off'],
        ]),
      windows: () => [registry('ProxyEnable', 'REG_DWORD', '0')],
    }[this.#desktop]();
  }

  /** Commands that set what is set now. */
  async #gnomeNow(): Promise<Command[]> {
    const commands: Command[] = [];
    for (const [schema, key] of GNOME_KEYS) {
      const { code, stdout, stderr } = await outcomeOf(['gsettings', 'get', schema, key]);
      if (code !== 0) throw failed(`gsettings get ${schema} ${key}: ${stderr.trim().slice(0, 300)}`);
      commands.push(['gsettings', 'set', schema, key, stdout.trim()]);
    }
    return commands;
  }

  /** Network services that are in use; for people elsewhere the common two. */
  async #services(): Promise<string[]> {
    const { code, stdout } = await outcomeOf(['networksetup', '-listallnetworkservices']);
    if (code !== 0) return ['Wi-Fi', 'Ethernet'];
    return stdout
      .split('\n')
      .slice(1)
      .filter((name) => name !== '' && !name.startsWith('*'));
  }

  async #before(): Promise<Command[] | null> {
    try {
      const { desktop, restore } = BEFORE.parse(JSON.parse(await readFile(this.#file, 'utf8')));
      return desktop === this.#desktop ? (restore as unknown as Command[]) : null;
    } catch {
      return null;
    }
  }
}

const NAMES: Readonly<Record<Desktop, string>> = { gnome: 'GNOME', macos: 'macOS', windows: 'Windows' };

const GNOME_KEYS: readonly (readonly [string, string])[] = [
  ...['host', 'port'].flatMap((key) =>
    ['http', 'https'].map((scheme) => [`${GNOME}.${scheme}`, key] as const),
  ),
  [GNOME, 'ignore-hosts'],
  [GNOME, 'mode'], // last: it makes use of the others
];

function gnomeOn(host: string, port: number): Command[] {
  const list = `[${LOCAL.map((name) => `'${name}'`).join(', ')}]`;
  return [
    ...['http', 'https'].flatMap((scheme): Command[] => [
      ['gsettings', 'set', `${GNOME}.${scheme}`, 'host', `'${host}'`],
      ['gsettings', 'set', `${GNOME}.${scheme}`, 'port', String(port)],
    ]),
    ['gsettings', 'set', GNOME, 'ignore-hosts', list],
    ['gsettings', 'set', GNOME, 'mode', 'manual'],
  ];
}

function macOn(service: string, host: string, port: number): Command[] {
  return [
    ['networksetup', '-setwebproxy', service, host, String(port)],
    ['networksetup', '-setsecurewebproxy', service, host, String(port)],
    // The default has *.local in it, and so weir.local.
    ['networksetup', '-setproxybypassdomains', service, 'localhost', '127.0.0.1', '::1'],
  ];
}

function windowsOn(host: string, port: number): Command[] {
  return [
    registry('ProxyServer', 'REG_SZ', `${host.includes(':') ? `[${host}]` : host}:${port}`),
    registry('ProxyOverride', 'REG_SZ', 'localhost;127.*;[::1]'),
    registry('ProxyEnable', 'REG_DWORD', '1'),
  ];
}

function registry(name: string, type: 'REG_SZ' | 'REG_DWORD', data: string): Command {
  return ['reg', 'add', REGISTRY, '/v', name, '/t', type, '/d', data, '/f'];
}

/** For cmd.exe and PowerShell alike. */
function windowsWord(text: string): string {
  return /^[\w./:\\-]+$/.test(text) ? text : `"${text}"`;
}

function failed(text: string): ConfigError {
  return new ConfigError('ERR_SYSTEM_PROXY', text);
}
