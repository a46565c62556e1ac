// ICAP for Connect and Express, and for whatever calls `(req, res, next)` on node's own objects.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { AdaptedExchange } from './exchange.ts';
import type { IcapPolicyOptions } from './policy.ts';
import { policyOf } from './policy.ts';
import { isRefused } from './refusal.ts';

export interface IcapMiddleware {
  (req: IncomingMessage, res: ServerResponse, next: () => void): void;
  /** Closes idle ICAP connections, which keep the process alive for a while; what is under way is finished. */
  close(): void;
}

/**
 * Middleware that sends requests through REQMOD before handlers see them, and responses through RESPMOD
 * before clients do. Bodies stream as far as the service streams; what waits for a verdict waits in memory
 * up to `spool.memoryBytes`, then in a file. Put it before everything that reads the body.
 *
 * HEAD, 204 and 304 responses and upgrades pass untouched. A blocked message gets the service's page; a
 * service that fails, the error's page (502, 503 or 504) unless `onError` is `bypass`.
 *
 * @example app.use(icapMiddleware({ reqmod: 'icap://127.0.0.1:1344/sandblast' }))
 * @throws {ConfigError} `ERR_CONFIG_VALUE` for options that cannot be used
 */
export function icapMiddleware(options: IcapPolicyOptions): IcapMiddleware {
  const policy = policyOf(options);
  const middleware = (req: IncomingMessage, res: ServerResponse, next: () => void): void => {
    if (isRefused(req, res)) return;
    void new AdaptedExchange(req, res, { policy }).run(next);
  };
  return Object.assign(middleware, { close: () => policy.close() });
}
