// The configuration of the lab, as a file would say it: the defaults, on other ports and in other folders, with
// one TLS rule and one more ICAP service for the scenarios that need them.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { packagePlace } from '../config/package-root.ts';
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
 * The configuration as checkConfigObject() takes it, and the plugins that it has beside the default ones. The
 * gateway is reached over a connection, so that ICAP can be watched.
 */
export function labConfig(places: LabPlaces): object {
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
      verdicts: { folder: path.join(folder, 'verdicts') },
      quarantine: { folder: path.join(folder, 'quarantine') },
      services: Object.fromEntries(MODES.map((mode) => [mode, { profile: mode }])),
    },
    profiles: {
      optimized: { blades: { dlp: { mode: 'inline' } } },
      ...Object.fromEntries(modes),
    },
    dashboard: { listen: '127.0.0.1:0' },
    log: { file: path.join(folder, 'weir.log') },
    trace: { folder: path.join(folder, 'trace') },
  };
}

/** The plugins that the lab needs beside those of the configuration. */
export function withLabPlugins(config: ResolvedConfig): ResolvedConfig {
  const { root } = packagePlace();
  const isThere = (use: string): boolean => config.plugins.some((plugin) => plugin.use === use);
  const dlp = './plugins/dlp';
  const sandbox = fileURLToPath(new URL(`./sandbox${path.extname(import.meta.url)}`, import.meta.url));
  const added = [dlp, sandbox].filter((use) => !isThere(use));
  const plugins = added.map((use) => ({ use, with: {}, resolveFrom: root }));
  return { ...config, plugins: [...config.plugins, ...plugins] };
}
