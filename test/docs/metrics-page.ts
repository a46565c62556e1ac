// docs/operations/metrics.md as text: what there is to say in words, and the table of all metrics from the
// catalog. Written by `npx tsx` of this file and held equal by test/metrics/page.test.ts.

import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CATALOG_SECTIONS } from '../../src/metrics/catalog.ts';
import type { MetricDefinition } from '../../src/metrics/catalog.ts';
import { BUCKETS_MS } from '../../src/metrics/counters.ts';

export const METRICS_PAGE = fileURLToPath(new URL('../../docs/operations/metrics.md', import.meta.url));
export const WRITE_METRICS_PAGE = 'npx tsx test/docs/metrics-page.ts';

const INTRODUCTION = `# Metrics

<!-- prettier-ignore-start -->

\`GET /metrics\` serves figures for [Prometheus](https://prometheus.io) in its text format 0.0.4: on \`dashboard.listen\`, and on \`metrics.listen\` where that is set. \`weir gateway\` has no dashboard: give it \`metrics.listen\`. \`metrics.enabled: false\` counts nothing.

\`\`\`yaml
metrics:
  listen: 192.0.2.10:9464 # beside the dashboard; Prometheus is on another machine
  token: change-me # without it: dashboard.token
\`\`\`

\`\`\`yaml
# prometheus.yml
scrape_configs:
  - job_name: weir
    authorization: { credentials: change-me }
    static_configs: [{ targets: ['192.0.2.10:9464'] }]
\`\`\`

| who asks | what is needed |
| --- | --- |
| somebody on the same machine, with \`localhost\` or an address as Host | nothing, unless \`metrics.token\` is set |
| anybody else, also a request with \`Forwarded\`, \`X-Forwarded-For\` or \`Via\` | \`Authorization: Bearer …\` or \`?token=…\`: \`metrics.token\`, or the dashboard's |

The listener speaks plain HTTP: on another machine than Prometheus put a TLS terminator in front of it, or a private network between them. A change of \`metrics\` needs a restart.

\`docs/operations/grafana-weir.json\` is a dashboard for Grafana 10 and later (Dashboards, New, Import); it asks for the data source. A test holds its queries to the metrics below.

## What to watch

| question | query |
| --- | --- |
| How much passes without a scan? | \`sum by (reason) (rate(weir_messages_total{outcome="not_scanned"}[5m]))\` |
| Do services fail? | \`sum by (service, code) (rate(weir_icap_errors_total[5m]))\` |
| Is a service down? | \`max by (service) (weir_service_state{state=~"down\\|suspended"}) == 1\` |
| How long does a scan take? | \`histogram_quantile(0.99, sum by (le, service) (rate(weir_icap_request_seconds_bucket[5m])))\` |
| Do clients trust the CA? | \`rate(weir_tls_handshake_failures_total{reason="cert_rejected"}[15m])\` |
| Is the CA about to expire? | \`weir_ca_expiry_timestamp_seconds - time() < 30 * 86400\` |
| Does something block the event loop? | \`weir_event_loop_lag_seconds{quantile="0.99"} > 0.05\` |

## How they are counted

- Counters are plain numbers in the process; text is made of them only when somebody asks. A transaction through two scans costs two to three microseconds.
- Labels never hold a host, a URL, a client, a user or the name of a threat: they come from the configuration, from tables of Weir, or are names of blades. A counter has at most 1000 rows, a histogram 200; whatever comes on top is counted in a row whose labels are all \`other\`.
- Histograms have buckets at ${BUCKETS_MS.map((ms) => ms / 1000).join(', ')} seconds.
- With \`gateway.workers\` the figures of all worker processes are added up. One that has ended stays in the sums; of one that was killed up to two seconds are missing.
- Everything starts at 0 with the process. \`weir_leaf_cache_…\` also does with another CA, \`weir_origin_requests_total\` after a reload that changes the way to the origins.
- \`weir_transactions_total\` has as many as the log has records of kind \`proxy\`, \`weir_gateway_verdicts_total\` as many as it has of kind \`gateway\`.
- \`point\` is where the message was judged, \`reqmod\` or \`respmod\`, as in \`adaptation.rules\`. A message without a body that no rule is for is not counted: there is nothing to scan. Of a stream that services see in pieces each piece is counted.

This page is written from \`src/metrics/catalog.ts\`: \`${WRITE_METRICS_PAGE}\`.
`;

/** The whole page. */
export function metricsPage(): string {
  const tables = Object.entries(CATALOG_SECTIONS).map(([heading, metrics]) => {
    const rows = Object.entries(metrics).map(([name, metric]) => row(name, metric));
    return `## ${heading}\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
  });
  return `${INTRODUCTION}\n${tables.join('\n')}\n<!-- prettier-ignore-end -->\n`;
}

function row(name: string, { type, labels, help }: MetricDefinition): string {
  const described = Object.entries(labels).map(([label, values]) => `\`${label}\`: ${escaped(values)}`);
  return `| \`${name}\` | ${type} | ${described.join('<br>')} | ${escaped(help)} |`;
}

const escaped = (text: string): string => text.replace(/[|*[\]<_]/g, '\\$&').replace(/`[^`]*`/g, unescaped);
const unescaped = (code: string): string => code.replace(/\\([*[\]<_])/g, '$1');

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(METRICS_PAGE, metricsPage());
}
