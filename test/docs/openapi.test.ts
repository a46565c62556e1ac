// docs/openapi.json against the types, and against the server that is to do what it says.

import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { apiRoutes } from '../../src/dashboard/api/routes.ts';
import type { DashboardSources } from '../../src/dashboard/api/sources.ts';
import { Jobs } from '../../src/dashboard/jobs.ts';
import { Activity } from '../../src/dashboard/live/activity.ts';
import { TimeLine } from '../../src/dashboard/live/time-line.ts';
import { NO_METERS } from '../../src/metrics/meters.ts';
import { OPENAPI_FILE, openApiText, WRITE_COMMAND } from './openapi-file.ts';

/** Served beside the routes: sessions and the feed. */
const BESIDES = ['POST /api/login', 'POST /api/logout', 'GET /api/live'];

test(`docs/openapi.json says what the types say: ${WRITE_COMMAND}`, () => {
  expect(JSON.parse(readFileSync(OPENAPI_FILE, 'utf8'))).toEqual(JSON.parse(openApiText()));
});

test('docs/openapi.json names every route of the server and no other', () => {
  const timeLine = new TimeLine(() => NO_METERS);
  const parts = { activity: new Activity(), timeLine, jobs: new Jobs(() => {}), openApi: OPENAPI_FILE };
  const routes = apiRoutes({} as DashboardSources, parts).map(({ method, path }) => `${method} ${path}`);
  timeLine.close();
  const { paths } = JSON.parse(readFileSync(OPENAPI_FILE, 'utf8')) as { paths: Record<string, object> };
  const told = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  );
  expect(told.sort()).toEqual([...routes, ...BESIDES].sort());
});
