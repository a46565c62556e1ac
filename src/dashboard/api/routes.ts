// Every route of the API: of openapi.json, and no other.

import { readFile } from 'node:fs/promises';
import type { Jobs } from '../jobs.ts';
import type { Activity } from '../live/activity.ts';
import type { TimeLine } from '../live/time-line.ts';
import type { Route } from '../router.ts';
import { incidentRoutes } from './incidents.ts';
import { policyRoutes } from './policy.ts';
import { reportRoutes } from './reports.ts';
import type { DashboardSources } from './sources.ts';
import { statusRoutes } from './status.ts';
import { surroundingRoutes } from './surroundings.ts';
import { transactionRoutes } from './transactions.ts';

/** What lives as long as the server. */
export interface ApiParts {
  readonly activity: Activity;
  readonly timeLine: TimeLine;
  readonly jobs: Jobs;
  /** File of its description. */
  readonly openApi: string;
}

export function apiRoutes(
  sources: DashboardSources,
  { activity, timeLine, jobs, openApi }: ApiParts,
): Route[] {
  const onWritten = (digest: string, applied: readonly string[]): void =>
    activity.tell({ type: 'policy', digest, applied });
  return [
    ...statusRoutes(sources, activity, timeLine, jobs),
    ...transactionRoutes(sources, activity),
    ...policyRoutes(sources, onWritten),
    ...incidentRoutes(sources),
    ...reportRoutes(sources),
    ...surroundingRoutes(sources),
    {
      method: 'GET',
      path: '/api/openapi.json',
      answer: async () => ({
        status: 200,
        body: null,
        bytes: await readFile(openApi),
        headers: { 'Content-Type': 'application/json; charset=utf-8' },
      }),
    },
  ];
}
