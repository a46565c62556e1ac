// Reports of the plugins that are loaded now, for the dashboard.

import type { ReportsSource } from '../../dashboard/api/sources.ts';
import type { ReportSource } from '../../plugin/api.ts';
import { findReport, latestReports } from '../../plugin/report-tree.ts';
import type { Running } from '../running.ts';

export function reportsSource(running: Running): ReportsSource {
  const sources = (): ReportSource[] =>
    (running.own?.blades.plugins ?? []).flatMap((plugin) => plugin.reports);
  return {
    find: (id) => findReport(sources(), id),
    latest: async (count) => {
      const from = sources();
      return from.length === 0 ? null : latestReports(from, count);
    },
  };
}
