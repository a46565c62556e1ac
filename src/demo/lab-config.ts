// The configuration of the lab, as a file would say it: the defaults, on other ports and in other folders, with
// one TLS rule and one more ICAP service for the scenarios that need them.

import path from 'node:path';
import { LAB_DOMAIN } from './origin.ts';

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

/** Settings for checkConfigObject(). The gateway is reached over a connection, so that ICAP can be watched. */
export function labConfig({ folder, originCa, notice, gatewayPort, chain }: LabPlaces): object {
  const judge = chain === null ? 'sandblast' : 'yours';
  const url = chain ?? `icap://127.0.0.1:${gatewayPort}/sandblast`;
  const intranet = { hosts: [`intranet.${LAB_DOMAIN}`] };
  return {
    proxy: {
      listen: '127.0.0.1:0',
      certs: path.join(folder, 'certs'),
      tls: { rules: [{ hosts: [`bank.${LAB_DOMAIN}`], action: 'splice' }] },
      upstream: { trust: [originCa], hosts: { [`*.${LAB_DOMAIN}`]: '127.0.0.1' } },
    },
    adaptation: {
      services: { [judge]: { url, inProcess: false }, notice: { url: notice } },
      rules: [
        { point: 'reqmod', use: ['notice'], when: intranet },
        { point: 'reqmod', use: [judge], when: { not: intranet } },
        { point: 'respmod', use: [judge] },
      ],
      spool: { folder },
    },
    gateway: { listen: `127.0.0.1:${gatewayPort}` },
    dashboard: { listen: '127.0.0.1:0' },
    log: { file: path.join(folder, 'weir.log') },
    trace: { folder: path.join(folder, 'trace') },
  };
}
