// A second ICAP server of the lab, for request satisfaction (RFC 3507 §3.1): its one service answers requests in
// the origin's stead, over a real connection, as a company's notice board or a cache would.

import { Body } from '../http/body.ts';
import type { IcapOutcome, IcapService } from '../icap/service.ts';
import { IcapServer } from '../icap/server/server.ts';

export const NOTICE = 'The intranet is closed for maintenance until Monday.';

const ISTAG = 'weir-demo-notice-1';
const PAGE = Buffer.from(`<!doctype html>\n<title>Notice</title>\n<h1>${NOTICE}</h1>\n`);
const FIELDS = [
  ...['Content-Type', 'text/html; charset=utf-8'],
  ...['Content-Length', String(PAGE.length)],
  ...['Cache-Control', 'no-store'],
];

export interface NoticeService {
  /** `icap://127.0.0.1:port/notice`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts it on a free port of the loopback address. @throws {ConfigError} `ERR_LISTEN` */
export async function startNoticeService(): Promise<NoticeService> {
  const server = new IcapServer({
    services: { istag: ISTAG, find: (path) => (path === service.path ? service : undefined) },
  });
  const { port } = await server.listen(0, '127.0.0.1');
  return { url: `icap://127.0.0.1:${port}${service.path}`, close: () => server.close(0) };
}

const service: IcapService = {
  path: '/notice',
  methods: ['REQMOD'],
  requires: { REQMOD: 'req-hdr' },
  describe: () => ({
    istag: ISTAG,
    preview: 0,
    optionsTtlSeconds: 3600,
    maxConnections: 10,
    service: 'Weir demo: a notice in place of the site',
  }),
  handle(transaction): IcapOutcome {
    transaction.body?.release();
    return {
      kind: 'adapted',
      response: {
        version: '1.1',
        status: 200,
        reason: 'OK',
        headers: FIELDS,
      },
      body: Body.of(PAGE),
      serverMade: true,
    };
  },
};
