// /api/incidents and /api/quarantine: what was stopped, and what is kept of it.

import type { ApiReply } from '../reply.ts';
import { ok, refused } from '../reply.ts';
import type { ApiRequest, Route } from '../router.ts';
import { textOf, wholeNumber } from './parameters.ts';
import type { DashboardSources, QuarantineSource } from './sources.ts';
import type { IncidentsReply, QuarantineReply, ReleaseReply } from './types.ts';

const MAX_INCIDENTS = 200;
const MAX_REASON = 500; // characters

export function incidentRoutes({ incidents, quarantine }: DashboardSources): Route[] {
  const kept = (
    method: Route['method'],
    path: string,
    answer: (source: QuarantineSource, request: ApiRequest) => Promise<ApiReply>,
  ): Route => ({
    method,
    path,
    answer: (request) => (quarantine === null ? NO_QUARANTINE : answer(quarantine, request)),
  });
  return [
    {
      method: 'GET',
      path: '/api/incidents',
      answer: ({ query }) => {
        const limit = wholeNumber(query, 'limit', MAX_INCIDENTS, MAX_INCIDENTS);
        if (typeof limit !== 'number') return limit;
        const items = [...(incidents?.recent ?? [])].reverse().slice(0, limit);
        return ok({ items } satisfies IncidentsReply);
      },
    },
    kept('POST', '/api/incidents/:id/allow-once', (source, request) =>
      release(request, (id, reason) => source.allowOnce(id, reason)),
    ),
    kept('GET', '/api/quarantine', async (source) => ok((await source.list()) satisfies QuarantineReply)),
    kept('GET', '/api/quarantine/:id', async (source, { params }) => {
      const item = await source.get(params['id']!);
      return item === null ? UNKNOWN : ok(item);
    }),
    kept('GET', '/api/quarantine/:id/download', async (source, { params }) => {
      const file = await source.download(params['id']!);
      if (file === null) return UNKNOWN;
      const name = file.name.replace(/[^\w.-]/g, '_').slice(0, 100);
      const headers = {
        'Content-Type': 'application/octet-stream',
        'Content-Disposition': `attachment; filename="${name}"`,
        'Content-Security-Policy': "default-src 'none'; sandbox",
      };
      return { status: 200, body: null, stream: file.stream, headers };
    }),
    kept('POST', '/api/quarantine/:id/release', (source, request) =>
      release(request, (id, reason) => source.release(id, reason)),
    ),
    kept('DELETE', '/api/quarantine/:id', async (source, { params }) => {
      return (await source.remove(params['id']!)) ? ok({ removed: true }) : UNKNOWN;
    }),
  ];
}

async function release(
  { params, body }: ApiRequest,
  pass: (id: string, reason: string) => Promise<{ readonly sha256: string | null } | null>,
): Promise<ApiReply> {
  const reason = textOf(body, 'reason', MAX_REASON);
  if (typeof reason === 'object') return reason;
  const done = await pass(params['id']!, reason ?? '');
  return done === null ? UNKNOWN : ok({ released: true, ...done } satisfies ReleaseReply);
}

const UNKNOWN = refused(404, 'nothing of that id is in the quarantine');
const NO_QUARANTINE = refused(501, 'there is no quarantine here', {
  hint: 'set `quarantine` in a profile; this process must run the gateway',
});
