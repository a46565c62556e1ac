// Where what runs can be reached, as it is printed and shown: `host:port`, with a scheme in front where only
// that is spoken.

import type { GatewayListener } from '../config/types.ts';
import { formatAuthority } from '../util/authority.ts';
import { proxyAddress } from './entrance-options.ts';
import type { Running } from './running.ts';

export interface Addresses {
  readonly proxy: readonly string[];
  readonly reverse: readonly string[];
  readonly gateway: readonly string[];
  /** Paths of the gateway's services. */
  readonly services: readonly string[];
}

/** As of now. */
export function addressesOf({ proxy, own, workers, config }: Running): Addresses {
  const { listen } = config.gateway;
  return {
    proxy: (proxy?.listeners.opened ?? []).map(({ listener, port }) => proxyAddress(listener, port)),
    reverse: (proxy?.reverse.listeners.opened ?? []).map(({ listener, port }) => {
      return `${listener.tls === null ? '' : 'https://'}${formatAuthority(listener.host, port)}`;
    }),
    gateway:
      workers === null
        ? own!.listeners.opened.map(({ listener, port }) => gatewayAddress(listener, port))
        : workers.addresses.map(({ port }, index) => gatewayAddress(listen[index]!, port)),
    services: own?.gateway.paths ?? workers!.paths,
  };
}

function gatewayAddress({ host, tls }: GatewayListener, port: number): string {
  return `${tls === null ? '' : 'icaps://'}${formatAuthority(host, port)}`;
}
