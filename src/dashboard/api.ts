// What is served at which path, to whom. Everybody may ask whether the proxy lives and is ready, as
// balancers do; everything else needs the token, and a Host that no foreign page can stand in.

import { readinessOf } from './status.ts';
import type { StatusSource } from './status.ts';

export interface ApiReply {
  readonly status: number;
  /** Sent as JSON, unless there is `text` or there are `bytes`. */
  readonly body: unknown;
  readonly text?: string;
  readonly bytes?: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Route {
  /** Needs the token. */
  readonly guarded: boolean;
  answer(source: StatusSource): ApiReply | Promise<ApiReply>;
}

/** Routes by path; the dashboard's own pages will stand beside them. */
export const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/healthz', { guarded: false, answer: () => ({ status: 200, body: { alive: true } }) }],
  [
    '/readyz',
    {
      guarded: false,
      answer: async (source) => {
        const readiness = readinessOf(await source.report());
        return { status: readiness.ready ? 200 : 503, body: readiness };
      },
    },
  ],
  [
    '/api/services',
    { guarded: true, answer: async (source) => ({ status: 200, body: await source.report() }) },
  ],
]);

export const NOT_FOUND: ApiReply = {
  status: 404,
  body: {
    error: 'nothing here',
    hint: `try ${[...ROUTES.keys()].join(', ')}; browsers reach the proxy at proxy.listen, not here`,
  },
};

export const NOT_ALLOWED: ApiReply = {
  status: 405,
  body: { error: 'only GET and HEAD' },
  headers: { Allow: 'GET, HEAD' },
};

export const FOREIGN_HOST: ApiReply = {
  status: 421,
  body: {
    error: 'unknown Host',
    hint: 'use the address that dashboard.listen names, an IP address or localhost',
  },
};

export const NO_TOKEN: ApiReply = {
  status: 401,
  body: {
    error: 'a token is needed',
    hint: 'send `Authorization: Bearer …` with dashboard.token, or what certs/dashboard.token holds',
  },
  headers: { 'WWW-Authenticate': 'Bearer realm="weir"' },
};
