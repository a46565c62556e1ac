// Every metric that Weir serves: its name, type, labels and meaning, in the order of the page. The scraped text,
// docs/operations/metrics.md and the test of the Grafana dashboard are all made from it. Names end in their
// unit as Prometheus wants it: seconds, bytes, `_total` for what only grows.

export type MetricType = 'counter' | 'gauge' | 'histogram';

export interface MetricDefinition {
  readonly type: MetricType;
  /** Name of each label with the values that it may have. */
  readonly labels: Readonly<Record<string, string>>;
  /** One sentence: HELP of the exposition. */
  readonly help: string;
}

type Labels = Readonly<Record<string, string>>;

const counter = <L extends Labels>(labels: L, help: string) => ({ type: 'counter', labels, help }) as const;
const gauge = <L extends Labels>(labels: L, help: string) => ({ type: 'gauge', labels, help }) as const;
const histogram = <L extends Labels>(labels: L, help: string) =>
  ({ type: 'histogram', labels, help }) as const;

const service = 'name of `adaptation.services`';
const point = 'reqmod, respmod';
const code = 'code of docs/errors.md';
const use = 'in_use, idle';
const path = 'path of the service, e.g. /sandblast';
const method = 'REQMOD, RESPMOD';
const blade = 'name of the blade';
const state = 'probing, up, suspended, down';

const TRANSACTIONS = {
  weir_transactions_total: counter(
    { verdict: 'allowed, modified, blocked, bypassed, error' },
    'Records of the proxy log: HTTP transactions, spliced tunnels, connections that failed.',
  ),
  weir_transaction_seconds: histogram(
    {},
    'Duration of HTTP transactions, from the head of the request to the end of the answer.',
  ),
  weir_transaction_errors_total: counter(
    { code },
    'Transactions and connections of the proxy that failed, by error code.',
  ),
  weir_transaction_bytes_total: counter(
    { direction: 'in (from clients), out (to clients)' },
    'Body bytes of HTTP transactions; heads and spliced tunnels are not in it.',
  ),
  weir_messages_total: counter(
    {
      point: 'reqmod, respmod, tunnel (bytes that are no HTTP)',
      outcome: 'clean, modified, blocked, not_scanned, refused, error, cancelled',
      reason: 'for not_scanned and refused a key of `adaptation.notScanned`; else empty',
    },
    'Requests and responses by what inspection came to; refused were not scanned and did not pass.',
  ),
} satisfies Record<string, MetricDefinition>;

const CONNECTIONS = {
  weir_connections: gauge({}, 'Client connections of the proxy that are open.'),
  weir_connections_limit: gauge({}, 'Client connections that may be open, proxy.limits.connections.'),
  weir_connections_refused_total: counter({}, 'Client connections turned away because of that limit.'),
  weir_tunnels: gauge(
    { action: 'bump, splice, plain (HTTP without TLS)' },
    'Tunnels that are open behind CONNECT.',
  ),
  weir_tunnels_total: counter(
    { action: 'bump, splice, terminate, plain (HTTP without TLS)' },
    'Tunnels asked for with CONNECT that carried something, or were refused by proxy.tls.rules.',
  ),
  weir_tls_handshake_failures_total: counter(
    {
      reason:
        'cert_rejected, closed, reset, timeout, protocol_version, no_shared_cipher, client_hello, name, other',
    },
    'TLS handshakes with clients that failed; cert_rejected: the client does not trust the CA of Weir, or pins the site.',
  ),
  weir_leaf_cache_hits_total: counter({}, 'Handshakes whose certificate was ready.'),
  weir_leaf_cache_misses_total: counter({}, 'Handshakes whose certificate had to be made first.'),
  weir_leaf_cache_size: gauge({}, 'Names with a certificate that is ready.'),
  weir_ca_expiry_timestamp_seconds: gauge({}, 'End of the certificate authority, as Unix time.'),
} satisfies Record<string, MetricDefinition>;

const ICAP = {
  weir_icap_requests_total: counter(
    {
      service,
      point,
      outcome:
        'allowed, modified, blocked, ignored (nothing was sent: its OPTIONS wants none), error, refused (down or suspended, not asked), cancelled (client gone, or another member was faster)',
    },
    'Messages given to an ICAP service, by what it did with them.',
  ),
  weir_icap_request_seconds: histogram(
    { service, point },
    'Time from a message given to a service to its answer or failure; only where it was asked.',
  ),
  weir_icap_errors_total: counter(
    { service, point, code },
    'Messages that a service failed on, by error code.',
  ),
  weir_icap_repeats_total: counter(
    {
      service,
      reason: 'reconnect (connection found dead), trailers (sent without them), failure (`retries`)',
    },
    'ICAP requests that were sent again to the same service.',
  ),
  weir_icap_failovers_total: counter(
    { service },
    'Failures of a member of a group after which the next one was asked.',
  ),
  weir_icap_hedges_total: counter(
    { service },
    'Messages given to a member of a group as well, because another one was late.',
  ),
  weir_service_state: gauge({ service, state }, '1 for the state that a service is in, 0 for the others.'),
  weir_service_state_changes_total: counter(
    { service, state },
    'Times that a service has come into a state.',
  ),
  weir_service_failures: gauge({ service }, 'Messages that failed in a row.'),
  weir_service_outlier: gauge(
    { group: 'name of `adaptation.groups`', service },
    '1 for a member that is asked last for now, because it does far worse than the others.',
  ),
  weir_service_connections: gauge({ service, use }, 'Connections to a service that are open.'),
  weir_service_connections_limit: gauge({ service }, 'Connections to a service that may be open.'),
  weir_service_waiting: gauge({ service }, 'Messages that wait for a connection to a service.'),
} satisfies Record<string, MetricDefinition>;

const ORIGINS = {
  weir_origins: gauge({}, 'Origins to which connections are open.'),
  weir_origin_connections: gauge({ use }, 'Connections to origins that are open.'),
  weir_origin_waiting: gauge({}, 'Requests that wait for a connection to their origin.'),
  weir_origin_requests_total: counter(
    { connection: 'new, reused' },
    'Requests sent to origins, by the connection that was used.',
  ),
} satisfies Record<string, MetricDefinition>;

const GATEWAY = {
  weir_gateway_requests_total: counter(
    { service: path, method, status: 'ICAP status' },
    'Messages that services of the gateway have answered, those of its own proxy included.',
  ),
  weir_gateway_verdicts_total: counter(
    { service: path, verdict: 'allowed, modified, blocked, error' },
    'The same by verdict.',
  ),
  weir_gateway_request_seconds: histogram({ service: path, method }, 'Time that the gateway took for them.'),
  weir_gateway_body_bytes_total: counter({ service: path }, 'Body bytes that were inspected.'),
  weir_gateway_errors_total: counter(
    { code },
    'Messages that a service failed on, and requests refused before they came to one, by error code.',
  ),
  weir_blade_verdicts_total: counter(
    { blade, verdict: 'allow, block, modify, not_scanned, error' },
    'Verdicts of each blade.',
  ),
  weir_blade_seconds: histogram({ blade }, 'Time that each blade took.'),
  weir_gateway_connections: gauge({}, 'ICAP connections that are open.'),
  weir_gateway_running: gauge({}, 'ICAP requests that are worked on.'),
  weir_gateway_waiting: gauge({}, 'Accepted ICAP connections that wait for a worker process.'),
  weir_gateway_handlers_limit: gauge({}, 'ICAP requests that all worker processes may work on at a time.'),
  weir_gateway_workers: gauge({ phase: 'starting, serving, draining' }, 'Worker processes of the gateway.'),
  weir_gateway_workers_started_total: counter({}, 'Worker processes that were started.'),
  weir_gateway_workers_ended_total: counter(
    { how: 'stopped (as told), lost (by itself)' },
    'Worker processes that have ended.',
  ),
  weir_gateway_workers_memory_bytes: gauge({}, 'Resident memory of all worker processes.'),
  weir_gateway_workers_cpu_seconds_total: counter({}, 'CPU time of all worker processes.'),
} satisfies Record<string, MetricDefinition>;

const PROCESS = {
  weir_build_info: gauge(
    { version: 'of Weir', node: 'of Node.js' },
    'Always 1; the labels say what is running.',
  ),
  weir_event_loop_lag_seconds: gauge(
    { process: 'main, worker (the worst of them)', quantile: '0.5, 0.99, 1' },
    'How late the event loop was, in the last 15 to 30 s or since the last scrape if that is longer ago.',
  ),
  weir_spool_bytes: gauge({}, 'Bytes of bodies that are kept, in memory and in files.'),
  weir_spool_files: gauge({}, 'Files that bodies are kept in.'),
  weir_traces_dropped_total: counter(
    {},
    'Traces for `weir why` that were left out, under load or by a full disk.',
  ),
  weir_log_lines_dropped_total: counter({}, 'Lines of the log that were lost, because it cannot be written.'),
  process_cpu_seconds_total: counter({}, 'CPU time of the main process.'),
  process_start_time_seconds: gauge({}, 'Start of the main process, as Unix time.'),
  process_resident_memory_bytes: gauge({}, 'Resident memory of the main process.'),
  process_open_fds: gauge({}, 'Open file descriptors of the main process; Linux only.'),
  nodejs_heap_size_total_bytes: gauge({}, 'Heap of the main process.'),
  nodejs_heap_size_used_bytes: gauge({}, 'Heap of the main process that is in use.'),
  nodejs_external_memory_bytes: gauge({}, 'Memory outside the heap, buffers for the most part.'),
} satisfies Record<string, MetricDefinition>;

/** By heading of the page. */
export const CATALOG_SECTIONS = {
  Transactions: TRANSACTIONS,
  'Connections and TLS': CONNECTIONS,
  'ICAP services': ICAP,
  Origins: ORIGINS,
  Gateway: GATEWAY,
  Process: PROCESS,
} as const;

export const CATALOG = {
  ...TRANSACTIONS,
  ...CONNECTIONS,
  ...ICAP,
  ...ORIGINS,
  ...GATEWAY,
  ...PROCESS,
} as const;

type Catalog = typeof CATALOG;
export type MetricName = keyof Catalog;
type NamesOf<T extends MetricType> = {
  [N in MetricName]: Catalog[N]['type'] extends T ? N : never;
}[MetricName];
export type CounterName = NamesOf<'counter'>;
export type GaugeName = NamesOf<'gauge'>;
export type HistogramName = NamesOf<'histogram'>;

/** Names of the labels of a metric, in the order of the catalog. */
export function labelNamesOf(name: MetricName): readonly string[] {
  return Object.keys(CATALOG[name].labels);
}
