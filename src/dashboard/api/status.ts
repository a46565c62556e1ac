// /api/status, /api/overview and the services: how Weir is doing.

import { labelsOf, BUCKETS_MS } from '../../metrics/counters.ts';
import type { MeterSnapshot } from '../../metrics/meters.ts';
import { WEIR_VERSION } from '../../util/version.ts';
import type { Jobs } from '../jobs.ts';
import type { Activity } from '../live/activity.ts';
import type { TimeLine } from '../live/time-line.ts';
import { quantile } from '../live/time-line.ts';
import { ok, refused } from '../reply.ts';
import type { Route } from '../router.ts';
import type { ServiceReport } from '../status.ts';
import { readinessOf } from '../status.ts';
import { wholeNumber } from './parameters.ts';
import type { DashboardSources } from './sources.ts';
import type {
  OverviewReply,
  Ranked,
  ServiceDetail,
  ServicesReply,
  StatusReply,
  TransactionSummary,
} from './types.ts';

const DAY = 1440; // minutes
const TOP = 10;
const MAX_ONLY = 100;

export function statusRoutes(
  sources: DashboardSources,
  activity: Activity,
  timeLine: TimeLine,
  jobs: Jobs,
): Route[] {
  return [
    {
      method: 'GET',
      path: '/api/status',
      answer: async () => ok(await statusOf(sources, activity, timeLine)),
    },
    {
      method: 'GET',
      path: '/api/overview',
      answer: ({ query }) => {
        const minutes = wholeNumber(query, 'minutes', 60, DAY);
        if (typeof minutes !== 'number') return minutes;
        return ok({ ...timeLine.reply(minutes), top: topOf(activity) } satisfies OverviewReply);
      },
    },
    {
      method: 'GET',
      path: '/api/services',
      answer: async () => {
        const report = await sources.services.report();
        const meters = sources.meters();
        const services = report.services.map((service) => detailOf(service, meters, sources, activity, jobs));
        return ok({ ...report, services } satisfies ServicesReply);
      },
    },
    {
      method: 'POST',
      path: '/api/services/:name/doctor',
      answer: ({ params, body }) => {
        const name = params['name']!;
        const only = body['only'] ?? [];
        if (!Array.isArray(only) || only.length > MAX_ONLY) return refused(400, 'only: expected a list');
        const examination = sources.doctor?.prepare(name, only.map(String)) ?? null;
        if (examination === null) return refused(404, 'no service of that name that a rule uses');
        if ('refusal' in examination) return refused(409, examination.refusal);
        if (jobs.running(name) === null && jobs.isFull) {
          return refused(429, 'other examinations run', { hint: 'try again when one is done' });
        }
        return { status: 202, body: { job: jobs.start(name, examination) } };
      },
    },
    {
      method: 'GET',
      path: '/api/jobs/:id',
      answer: ({ params }) => {
        const job = jobs.get(params['id']!);
        return job === null ? refused(404, 'no job of that id; the last 20 are kept') : ok(job);
      },
    },
  ];
}

async function statusOf(
  sources: DashboardSources,
  activity: Activity,
  timeLine: TimeLine,
): Promise<StatusReply> {
  const { features, startedAt, ...about } = sources.about();
  const { ready, reasons } = readinessOf(await sources.services.report());
  return {
    version: WEIR_VERSION,
    startedAt,
    uptimeMs: Date.now() - Date.parse(startedAt),
    now: new Date().toISOString(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    pid: process.pid,
    memoryBytes: process.memoryUsage.rss(),
    ...about,
    ...{ ready, reasons },
    counts: timeLine.counts(),
    viewers: activity.viewers,
    features: {
      ...features,
      traces: sources.traces !== null,
      captures: sources.captures !== null,
      quarantine: sources.quarantine !== null,
      panels: sources.plugins !== null,
    },
  };
}

function topOf({ recent }: Activity): OverviewReply['top'] {
  const all = recent.newest();
  const rank = (names: (summary: TransactionSummary) => readonly (string | null)[]): Ranked[] => {
    const counts = new Map<string, number>();
    for (const summary of all) {
      for (const name of names(summary)) {
        if (name !== null && name !== '') counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    }
    const ranked = [...counts].map(([name, count]) => ({ name, count }));
    return ranked.sort((a, b) => b.count - a.count).slice(0, TOP);
  };
  return {
    hosts: rank(({ host }) => [host]),
    threats: rank(({ threat }) => [threat]),
    services: rank(({ services }) => services.map(({ name }) => name)),
    clients: rank(({ client }) => [client]),
  };
}

function detailOf(
  service: ServiceReport,
  { counters, histograms }: MeterSnapshot,
  sources: DashboardSources,
  activity: Activity,
  jobs: Jobs,
): ServiceDetail {
  const isOurs = (key: string): boolean => labelsOf(key)[0] === service.name;
  const sums = new Array<number>(BUCKETS_MS.length + 1).fill(0);
  for (const [key, counts] of histograms.weir_icap_request_seconds ?? []) {
    if (isOurs(key)) counts.forEach((count, index) => (sums[index]! += count));
  }
  const verdicts: Record<string, number> = {};
  for (const [key, count] of counters.weir_icap_requests_total ?? []) {
    const outcome = labelsOf(key)[2] ?? '';
    if (isOurs(key)) verdicts[outcome] = (verdicts[outcome] ?? 0) + count;
  }
  const { name, state } = service;
  const isDown = state === 'down' || state === 'suspended';
  const received = sources.optionsReceived?.(name) ?? null;
  return {
    ...service,
    history: activity.statesOf(name),
    latency: {
      buckets: sums.map((count, index) => ({ toMs: BUCKETS_MS[index] ?? null, count })),
      p50: quantile(sums, 0.5),
      p95: quantile(sums, 0.95),
      count: sums.reduce((sum, count) => sum + count, 0),
    },
    verdicts,
    circuit: isDown ? 'open' : state === 'probing' && service.cause !== null ? 'half-open' : 'closed',
    optionsReceived: received?.fields ?? null,
    optionsHead: received?.head ?? null,
    doctor: jobs.last(name),
  };
}
