// The API of one dashboard: its routes with what they share, and what the live feed is told besides
// transactions: services that change, incidents, examinations that go on.

import type { IncomingMessage } from 'node:http';
import type { Incident } from '../../telemetry/incidents.ts';
import { Jobs } from '../jobs.ts';
import type { Activity } from '../live/activity.ts';
import { TimeLine } from '../live/time-line.ts';
import type { ApiReply } from '../reply.ts';
import { notAllowed } from '../reply.ts';
import { readBody } from '../request-body.ts';
import { Router } from '../router.ts';
import { apiRoutes } from './routes.ts';
import type { DashboardSources } from './sources.ts';
import type { JobReply } from './types.ts';

const SERVICES_EVERY = 8; // ticks of the feed: two seconds

export class Api {
  readonly #sources: DashboardSources;
  readonly #activity: Activity;
  readonly #timeLine: TimeLine;
  readonly #router: Router;
  readonly #changedJobs = new Map<string, JobReply>();
  readonly #detach: () => void;
  #ticks = 0;
  #servicesTold = '';

  /** @param openApi  file of its description */
  constructor(sources: DashboardSources, activity: Activity, openApi: string) {
    this.#sources = sources;
    this.#activity = activity;
    this.#timeLine = new TimeLine(() => sources.meters());
    const jobs = new Jobs((job) => void this.#changedJobs.set(job.id, job));
    this.#router = new Router(apiRoutes(sources, { activity, timeLine: this.#timeLine, jobs, openApi }));
    const sink = { incident: (incident: Incident) => activity.tell({ type: 'incident', incident }) };
    this.#detach = sources.incidents?.attach(sink) ?? (() => {});
    activity.onTick = () => this.#tick();
  }

  /** Null for a path that is none of the API's. Who asks has been let in. */
  async reply(request: IncomingMessage, path: string, query: URLSearchParams): Promise<ApiReply | null> {
    const found = this.#router.find(path);
    if (found === null) return null;
    const method = request.method === 'HEAD' ? 'GET' : request.method!;
    const route = found.routes.get(method);
    if (route === undefined) return notAllowed(allowed([...found.routes.keys()]));
    if (method === 'GET') return route.answer({ params: found.params, query, body: {} });
    const body = await readBody(request);
    if ('refusal' in body) return body.refusal;
    return route.answer({ params: found.params, query, body: body.value });
  }

  close(): void {
    this.#detach();
    this.#timeLine.close();
    this.#activity.close();
  }

  #tick(): void {
    for (const job of this.#changedJobs.values()) this.#activity.tell({ type: 'job', job });
    this.#changedJobs.clear();
    if (this.#ticks++ % SERVICES_EVERY === 0) void this.#tellServices();
  }

  /** Where one has come into another state. */
  async #tellServices(): Promise<void> {
    const { services, steps } = await this.#sources.services.report();
    const now = JSON.stringify([services.map(({ name, state, since }) => [name, state, since]), steps]);
    if (now === this.#servicesTold) return;
    this.#servicesTold = now;
    this.#activity.tell({ type: 'services', services, steps });
  }
}

function allowed(methods: readonly string[]): string {
  return methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
}
