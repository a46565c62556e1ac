// /api/transactions: the last ones from memory, and all that is known of one from the traces.

import { isEventful } from '../../trace/notes.ts';
import { formatStory } from '../../trace/story.ts';
import type { TraceRecord } from '../../trace/types.ts';
import { INCIDENT_ID } from '../../util/incident-id.ts';
import type { Activity } from '../live/activity.ts';
import { filterOfQuery, matcherOf } from '../live/filter.ts';
import { CAPACITY } from '../live/recent.ts';
import { hostOf } from '../live/summary.ts';
import type { ApiReply } from '../reply.ts';
import { ok, refused } from '../reply.ts';
import type { ApiRequest, Route } from '../router.ts';
import { commandsOf } from './commands.ts';
import { harOf } from './har.ts';
import { textOf, wholeNumber } from './parameters.ts';
import type { DashboardSources } from './sources.ts';
import type { StoryLine, TransactionReply, TransactionsReply, TransactionSummary } from './types.ts';
import { isVerdict } from './verdicts.ts';

const MAX_PAGE = 500;

export function transactionRoutes(sources: DashboardSources, activity: Activity): Route[] {
  const find = (request: ApiRequest) => known(request, sources, activity);
  return [
    {
      method: 'GET',
      path: '/api/transactions',
      answer: ({ query }) => list(query, sources, activity),
    },
    {
      method: 'GET',
      path: '/api/transactions/:id',
      answer: async (request) => {
        const one = await find(request);
        return one === null ? UNKNOWN : ok(await replyOf(one, sources));
      },
    },
    {
      method: 'GET',
      path: '/api/transactions/:id/har',
      answer: async (request) => {
        const one = await find(request);
        if (one === null) return UNKNOWN;
        if (one.trace === null) return NO_TRACE;
        const capture = (await sources.captures?.get(one.trace.id)) ?? null;
        const headers = { 'Content-Disposition': `attachment; filename="${one.trace.id}.har"` };
        return { ...ok(harOf(one.trace, capture)), headers };
      },
    },
    {
      method: 'POST',
      path: '/api/transactions/:id/replay',
      answer: async ({ params, body }) => {
        const profile = textOf(body, 'profile', 64);
        if (typeof profile === 'object') return profile;
        return (await replay(params['id']!, profile ?? null, sources)) ?? NOT_CAPTURED;
      },
    },
    {
      method: 'GET',
      path: '/api/transactions/:id/commands',
      answer: async (request) => {
        const one = await find(request);
        if (one === null) return UNKNOWN;
        const place = await placeOf(sources);
        return ok(commandsOf(one.summary ?? summaryOf(one.trace!), one.trace, place));
      },
    },
  ];
}

const NOT_CAPTURED = refused(409, 'heads and bodies of this transaction were not kept', {
  hint: 'set capture.enabled; what is gone can be had by weir record and weir replay',
});

async function replay(
  id: string,
  profile: string | null,
  { replays }: DashboardSources,
): Promise<ApiReply | null> {
  const reply = (await replays?.replay(id, profile)) ?? null;
  return reply === null ? null : ok(reply);
}

interface Known {
  readonly summary: TransactionSummary | null;
  readonly trace: TraceRecord | null;
}

async function list(
  query: URLSearchParams,
  { traces }: DashboardSources,
  { recent }: Activity,
): Promise<ApiReply> {
  const limit = wholeNumber(query, 'limit', 100, MAX_PAGE);
  if (typeof limit !== 'number') return limit;
  const matches = matcherOf(filterOfQuery(query));
  const page = recent.page(matches, limit, query.get('before'));
  // After a start, and where the log has no records, the traces still know some.
  const stored =
    recent.size === 0 && traces !== null ? (await traces.last(MAX_PAGE)).map(summaryOf).reverse() : [];
  const items =
    recent.size === 0 ? stored.filter((each) => matches?.(each) ?? true).slice(0, limit) : page.items;
  const { size: kept, forgotten } = recent;
  return ok({ items, next: page.next, kept, capacity: CAPACITY, forgotten } satisfies TransactionsReply);
}

async function known(
  { params }: ApiRequest,
  { traces }: DashboardSources,
  { recent }: Activity,
): Promise<Known | null> {
  const id = params['id']!.toUpperCase();
  if (!INCIDENT_ID.test(id)) return null;
  const summary = recent.find(id);
  const trace = (await traces?.find(summary?.id ?? id)) ?? null;
  return summary === null && trace === null ? null : { summary, trace };
}

async function replyOf({ summary, trace }: Known, sources: DashboardSources): Promise<TransactionReply> {
  const id = trace?.id ?? summary!.id;
  const incident = trace?.incident ?? summary?.incident ?? null;
  return {
    summary: summary ?? summaryOf(trace!),
    trace,
    traceMissing: trace === null ? whyMissing(sources, summary) : null,
    story: trace === null ? [] : storyOf(trace),
    capture: (await sources.captures?.get(id)) ?? null,
    incident: sources.incidents?.recent.findLast((each) => each.id === incident) ?? null,
  };
}

function whyMissing({ traces }: DashboardSources, summary: TransactionSummary | null): string {
  if (traces === null) return 'none are kept: trace.enabled is false';
  const isFirst = summary !== null && isEventful(summary.verdict);
  return isFirst
    ? 'its trace is gone: see trace.maxSize and trace.maxAge'
    : 'it was left out under load, or is gone: see trace.maxSize and trace.maxAge';
}

/** As `weir why` tells it. */
export function storyOf(trace: TraceRecord): StoryLine[] {
  const lines = formatStory(trace, { heads: false, colours: false }).trimEnd().split('\n');
  return lines.map((text, index) => ({ text, mark: index === 0 ? markOf(trace.verdict) : markOfLine(text) }));
}

function markOf(verdict: string): StoryLine['mark'] {
  if (verdict === 'allowed') return 'good';
  return verdict === 'blocked' || verdict === 'error' ? 'bad' : 'warn';
}

function markOfLine(text: string): StoryLine['mark'] {
  if (/^(?:failed with|threat) /.test(text)) return 'bad';
  return text.startsWith('not scanned ') ? 'warn' : null;
}

/** A trace as a row of the list. */
export function summaryOf(trace: TraceRecord): TransactionSummary {
  const { id, incident, time, ms, verdict, threat, coverage, error, client, tls, request, answer } = trace;
  const steps = [...trace.reqmod.map((step) => ({ ...step, method: 'REQMOD' }))].concat(
    trace.respmod.map((step) => ({ ...step, method: 'RESPMOD' })),
  );
  return {
    ...{ id, incident, kind: 'proxy', time: new Date(Date.parse(time) + ms).toISOString(), ms },
    ...{ client: client.address, user: client.user, method: request.method, url: request.url },
    ...{ host: hostOf(request.url), status: answer.status, bytesIn: request.bytes, bytesOut: answer.bytes },
    verdict: isVerdict(verdict) ? verdict : 'error',
    threat: threat?.name ?? null,
    severity: threat?.severity ?? null,
    tls: tls?.action ?? null,
    notScanned: coverage?.state === 'not-scanned' ? (coverage.reason ?? 'unknown') : null,
    services: steps.flatMap(({ method, services, answer: said }) =>
      services.map(({ service, ms: took, error: failure }) => ({
        ...{ name: service, method, ms: took },
        verdict: failure === null ? (said?.verdict ?? 'allowed') : 'error',
      })),
    ),
    error: error?.code ?? null,
  };
}

async function placeOf({ about, services, trust }: DashboardSources) {
  const { addresses } = about();
  const first = addresses.proxy.find((address) => !address.startsWith('transparent:')) ?? null;
  const proxyUrl = first === null || first.includes('://') ? first : `http://${first}`;
  const report = await services.report();
  return {
    proxyUrl,
    caFile: trust(null)?.certificateFile ?? null,
    serviceUrl: (name: string) => report.services.find((service) => service.name === name)?.url ?? null,
  };
}

const UNKNOWN = refused(404, 'no transaction of that id', {
  hint: 'GET /api/transactions lists the last ones; older ones are in the traces as long as trace.maxAge',
});
const NO_TRACE = refused(404, 'no trace of it was kept', { hint: 'set trace.enabled: true' });
