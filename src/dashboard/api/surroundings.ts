// /api/trust, /api/learned, /api/plugins and their panels: what surrounds the traffic.

import { isWeirError, messageOf } from '../../errors.ts';
import { ok, refused } from '../reply.ts';
import type { Route } from '../router.ts';
import type { DashboardSources } from './sources.ts';
import type { LearnedReply, PluginReloadReply, PluginsReply } from './types.ts';

export function surroundingRoutes({ trust, learned, plugins }: DashboardSources): Route[] {
  return [
    {
      method: 'GET',
      path: '/api/trust',
      answer: () => {
        const reply = trust(null);
        return reply === null ? refused(404, 'no proxy runs here, so there is no CA') : ok(reply);
      },
    },
    {
      method: 'GET',
      path: '/api/learned',
      answer: () => ok({ items: learned?.list() ?? [] } satisfies LearnedReply),
    },
    {
      method: 'DELETE',
      path: '/api/learned',
      answer: ({ query }) => {
        const host = query.get('host');
        if (host === null || host === '') return refused(400, 'host: is missing');
        const removed = learned?.remove(host, query.get('client')) ?? 0;
        return removed === 0 ? refused(404, 'that host is not spliced') : ok({ removed });
      },
    },
    {
      method: 'GET',
      path: '/api/plugins',
      answer: () => ok({ items: plugins?.list() ?? [] } satisfies PluginsReply),
    },
    {
      method: 'POST',
      path: '/api/plugins/:plugin/reload',
      answer: async ({ params }) => {
        try {
          const done = (await plugins?.reload(params['plugin']!)) ?? null;
          if (done === null) return refused(404, 'no plugin of that name is loaded');
          return ok({ applied: done.applied, warnings: done.warnings } satisfies PluginReloadReply);
        } catch (error) {
          if (!isWeirError(error)) throw error;
          return refused(409, messageOf(error), { code: error.code, hint: 'the one before goes on serving' });
        }
      },
    },
    {
      method: 'GET',
      path: '/api/panels/:plugin/:id',
      answer: async ({ params }) => {
        const panel = (await plugins?.panel(params['plugin']!, params['id']!)) ?? null;
        return panel === null ? refused(404, 'no such panel') : ok(panel);
      },
    },
  ];
}
