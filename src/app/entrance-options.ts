// A listener of the configuration as the proxy takes it, and as people are told of it.

import type { ProxyListener } from '../config/types.ts';
import type { EntranceOptions } from '../proxy/entrance/entrance.ts';
import { formatAuthority } from '../util/authority.ts';

export function entranceOptions({
  host,
  port,
  mode,
  tls,
  proxyProtocol,
  auth,
}: ProxyListener): EntranceOptions {
  return {
    host,
    port,
    mode,
    tls:
      tls === null
        ? null
        : {
            files: tls.cert === null ? null : { cert: tls.cert, key: tls.key! },
            names: tls.names,
            clientCa: tls.clientCa,
          },
    proxyProtocol: proxyProtocol?.map(({ address, prefix }) => `${address}/${prefix}`) ?? null,
    auth,
  };
}

/** `host:port`, with its scheme where that is not `http`. */
export function proxyAddress({ host, mode, tls }: ProxyListener, port: number): string {
  const address = formatAuthority(host, port);
  if (mode === 'socks5' || mode === 'transparent') return `${mode}://${address}`;
  return tls === null ? address : `https://${address}`;
}
