// /api/reports: what plugins keep of judgements beyond their verdicts.

import { ok, refused } from '../reply.ts';
import type { Route } from '../router.ts';
import { wholeNumber } from './parameters.ts';
import type { DashboardSources } from './sources.ts';
import type { ReportReply, ReportsReply, ReportSummary } from './types.ts';

const MAX_REPORTS = 200;
const DEFAULT_REPORTS = 50;

export function reportRoutes({ reports }: DashboardSources): Route[] {
  return [
    {
      method: 'GET',
      path: '/api/reports',
      answer: async ({ query }) => {
        const limit = wholeNumber(query, 'limit', DEFAULT_REPORTS, MAX_REPORTS);
        if (typeof limit !== 'number') return limit;
        const found = await reports.latest(limit);
        return found === null ? NO_REPORTS : ok({ items: found.map(summaryOf) } satisfies ReportsReply);
      },
    },
    {
      method: 'GET',
      path: '/api/reports/:id',
      answer: async ({ params }) => {
        const found = await reports.find(params['id']!);
        return found === null ? UNKNOWN : ok(found satisfies ReportReply);
      },
    },
  ];
}

function summaryOf({ reasons, ...report }: ReportReply): ReportSummary {
  const { id, at, url, direction, size, type, verdict, threat, score, threshold } = report;
  const reason = reasons[0]?.text ?? null;
  return { id, at, url, direction, size, type, verdict, threat, score, threshold, reason };
}

const UNKNOWN = refused(404, 'there is no report of that id', {
  hint: 'it may be older than what the plugin keeps: `reports.keep`, `reports.maxAge` of threat-emulation',
});
const NO_REPORTS = refused(501, 'no plugin keeps reports here', {
  hint: 'list ./plugins/threat-emulation in `plugins`; this process must run the gateway',
});
