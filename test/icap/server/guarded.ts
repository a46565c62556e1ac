// An ICAP server behind TLS, PROXY headers or passwords, and what it says of those whom it refuses.

import type { WeirError } from '../../../src/errors.ts';
import type { IcapServerOptions } from '../../../src/icap/server/server.ts';
import { IcapServer } from '../../../src/icap/server/server.ts';
import type { IcapReport, IcapService, IcapTransaction } from '../../../src/icap/service.ts';

export const OPTIONS = 'OPTIONS icap://h/s ICAP/1.0\r\nHost: h\r\n\r\n';
export const REQMOD =
  'REQMOD icap://h/s ICAP/1.0\r\nHost: h\r\nAllow: 204\r\nEncapsulated: req-hdr=0, null-body=45\r\n\r\nGET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n';

export interface Guarded extends AsyncDisposable {
  readonly server: IcapServer;
  readonly port: number;
  readonly reports: IcapReport[];
  readonly refused: { readonly peer: string; readonly error: WeirError }[];
  /** Resolves when so many were refused. */
  refusals(count: number): Promise<Guarded['refused']>;
}

type Security = NonNullable<Parameters<IcapServer['listen']>[2]>;

/** Starts `/s` and `/open`, both answering "not modified", on a free port. */
export async function startGuarded(
  options: Omit<IcapServerOptions, 'services' | 'onRefused'> = {},
  security: Partial<Security> = {},
  host = '127.0.0.1',
): Promise<Guarded> {
  const reports: IcapReport[] = [];
  const refused: { peer: string; error: WeirError }[] = [];
  const waiting: (() => void)[] = [];
  const services = new Map([service('/s'), service('/open')].map((it) => [it.path, it]));
  const server = new IcapServer({
    ...options,
    services: {
      istag: 'SRV-1',
      find: (path) => services.get(path),
      report: (report) => void reports.push(report),
    },
    onRefused: (peer, error) => {
      refused.push({ peer, error });
      for (const wake of waiting.splice(0)) wake();
    },
  });
  const { port } = await server.listen(0, host, { tls: null, proxyProtocol: null, ...security });
  return {
    server,
    port,
    reports,
    refused,
    async refusals(count) {
      while (refused.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
      return refused;
    },
    [Symbol.asyncDispose]: () => server.close(0),
  };
}

function service(path: string): IcapService {
  return {
    path,
    methods: ['REQMOD'],
    describe: () => ({ istag: 'G1', preview: 0, optionsTtlSeconds: 60, maxConnections: null }),
    handle: (_transaction: IcapTransaction) => ({ kind: 'unmodified' }),
  };
}
