// The configuration of the lab, as a file would say it: the defaults, on other ports and in other folders, with
// one TLS rule and one more ICAP service for the scenarios that need them.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkConfigObject } from '../config/load.ts';
import { defaultStateFolder, packagePlace } from '../config/package-root.ts';
import type { ResolvedConfig } from '../config/types.ts';
import { LAB_DOMAIN } from './origin.ts';
import { SANDBOX } from './sandbox.ts';

/** Each a host, a service of the gateway and a profile. */
const MODES = ['background', 'hold'] as const;

export interface LabPlaces {
  /** Where the CA, the log and the traces go. */
  readonly folder: string;
  /** PEM file of the CA that vouches for the origin. */
  readonly originCa: string;
  /** URL of the service that answers for the intranet. */
  readonly notice: string;
  readonly gatewayPort: number;
  /** ICAP URL of the user's own server; null: the own gateway judges. */
  readonly chain: string | null;
}

/**
 * The configuration of a lab.
 * @throws {ConfigProblemsError} for a `chain` that is no ICAP URL
 */
export function labConfig(places: LabPlaces): ResolvedConfig {
  const { folder } = places;
  const { config } = checkConfigObject(settings(places), folder);
  moveFolders(config, defaultStateFolder('', packagePlace(), process.env), folder);
  return { ...config, plugins: [...config.plugins, ...labPlugins(config)] };
}

/** As a file would say it. The gateway is reached over a connection, so that ICAP can be watched. */
function settings(places: LabPlaces): object {
  const { folder, originCa, notice, gatewayPort, chain } = places;
  const judge = chain === null ? 'sandblast' : 'yours';
  const own = (name: string) => ({ url: `icap://127.0.0.1:${gatewayPort}/${name}`, inProcess: false });
  const only = (host: string) => ({ hosts: [`${host}.${LAB_DOMAIN}`] });
  const modes = MODES.map((mode) => [mode, { base: 'optimized', blades: { [SANDBOX]: { mode } } }] as const);
  return {
    proxy: {
      listen: '127.0.0.1:0',
      certs: path.join(folder, 'certs'),
      tls: { rules: [{ ...only('bank'), action: 'splice' }] },
      upstream: { trust: [originCa], hosts: { [`*.${LAB_DOMAIN}`]: '127.0.0.1' } },
    },
    adaptation: {
      services: {
        [judge]: { ...own('sandblast'), ...(chain === null ? {} : { url: chain }) },
        notice: { url: notice },
        ...Object.fromEntries(MODES.map((mode) => [mode, own(mode)])),
      },
      rules: [
        { point: 'reqmod', use: ['notice'], when: only('intranet') },
        { point: 'reqmod', use: [judge], when: { not: only('intranet') } },
        ...MODES.map((mode) => ({ point: 'respmod', use: [mode], when: only(mode) })),
        {
          point: 'respmod',
          use: [judge],
          when: { not: { hosts: MODES.flatMap((mode) => only(mode).hosts) } },
        },
      ],
      spool: { folder },
    },
    gateway: {
      listen: `127.0.0.1:${gatewayPort}`,
      services: Object.fromEntries(MODES.map((mode) => [mode, { profile: mode }])),
    },
    profiles: {
      optimized: { blades: { dlp: { mode: 'inline' } } },
      ...Object.fromEntries(modes),
    },
    dashboard: { listen: '127.0.0.1:0' },
    log: { file: path.join(folder, 'weir.log') },
  };
}

/** The plugins that the lab needs beside those of the configuration. */
function labPlugins({ plugins }: ResolvedConfig): ResolvedConfig['plugins'] {
  const { root } = packagePlace();
  const sandbox = fileURLToPath(new URL(`./sandbox${path.extname(import.meta.url)}`, import.meta.url));
  return ['./plugins/dlp', sandbox]
    .filter((use) => plugins.every((plugin) => plugin.use !== use))
    .map((use) => ({ use, with: {}, resolveFrom: root }));
}

/** Whatever key has its default below `from` lies in the lab's folder: nothing real is read or left behind. */
function moveFolders(part: object, from: string, folder: string): void {
  for (const [key, value] of Object.entries(part)) {
    if (typeof value === 'string' && value.startsWith(from)) {
      (part as Record<string, string>)[key] = path.join(folder, value.slice(from.length));
    } else if (typeof value === 'object' && value !== null) {
      moveFolders(value as object, from, folder);
    }
  }
}
