// What docs/openapi.json says of each operation beside its types: those are src/dashboard/api/types.ts.

export interface Operation {
  readonly summary: string;
  /** Names of query parameters with their meaning. */
  readonly query?: Readonly<Record<string, string>>;
  /** Type of the body. */
  readonly request?: string;
  /** Type of the answer, or media type of a file. */
  readonly reply: string;
  /** Default: 200. */
  readonly status?: number;
  /** Further statuses beside 400, 401, 403 and 421. */
  readonly more?: readonly number[];
}

const FILTER = {
  q: 'part of URL, id, threat, user, client or error; any case',
  verdict: 'a verdict, or a comma list of them',
  host: 'the host or a domain above it',
  method: 'method of the request',
  status: 'e.g. 404, or 4xx',
  client: 'address of the client',
  user: 'name of the user',
  service: 'an ICAP service that was asked',
};

/** By `METHOD /path`, in the order of the file. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  'POST /api/login': {
    summary: 'Sets the cookie of a session, as GET /?token=… does.',
    ...{ request: 'LoginRequest', reply: 'LoginReply', more: [429] },
  },
  'POST /api/logout': { summary: 'Ends the session of this browser.', reply: 'LoginReply' },
  'GET /api/status': {
    summary: 'Version, addresses, readiness, counts since the start.',
    reply: 'StatusReply',
  },
  'GET /api/overview': {
    summary: 'What happened minute by minute, and who the most.',
    ...{ query: { minutes: '1 to 1440, default 60' }, reply: 'OverviewReply' },
  },
  'GET /api/transactions': {
    summary: 'The last transactions, newest first.',
    query: { limit: '1 to 500, default 100', before: '`next` of the page before', ...FILTER },
    reply: 'TransactionsReply',
  },
  'GET /api/transactions/{id}': {
    summary: 'All that is known of one, by its id or that of its incident.',
    ...{ reply: 'TransactionReply', more: [404] },
  },
  'GET /api/transactions/{id}/har': {
    summary: 'The same as HAR 1.2, with what ICAP did in `_icap`.',
    ...{ reply: 'application/json', more: [404] },
  },
  'GET /api/transactions/{id}/commands': {
    summary: 'The same as commands to paste into a shell.',
    ...{ reply: 'CommandsReply', more: [404] },
  },
  'GET /api/services': { summary: 'The ICAP services that rules use.', reply: 'ServicesReply' },
  'POST /api/services/{name}/doctor': {
    summary: 'Examines a service as `weir icap doctor` does.',
    ...{ request: 'DoctorRequest', reply: 'DoctorStarted', status: 202, more: [404, 409, 429] },
  },
  'GET /api/jobs/{id}': { summary: 'How far an examination is.', reply: 'JobReply', more: [404] },
  'GET /api/policy': {
    summary: 'The configuration: its text, and its rules as lists.',
    reply: 'PolicyReply',
  },
  'PUT /api/policy': {
    summary: 'Writes the configuration file and puts it in force.',
    ...{ request: 'PolicyPutRequest', reply: 'PolicyPutReply', more: [409, 422] },
  },
  'POST /api/policy/check': {
    summary: 'What is wrong with a text.',
    ...{ request: 'PolicyCheckRequest', reply: 'PolicyCheckReply' },
  },
  'POST /api/policy/draft': {
    summary: 'The text with one rule or profile changed, comments kept; nothing is written.',
    ...{ request: 'PolicyDraftRequest', reply: 'PolicyDraftReply', more: [422] },
  },
  'POST /api/policy/test': {
    summary: 'What would be done with a request.',
    ...{ request: 'PolicyTestRequest', reply: 'PolicyTestReply' },
  },
  'GET /api/incidents': {
    summary: 'What was stopped, and what should have been.',
    ...{ query: { limit: '1 to 200, default 200' }, reply: 'IncidentsReply' },
  },
  'POST /api/transactions/{id}/replay': {
    summary: 'A captured transaction once more, through another profile: what would become of it now.',
    ...{ request: 'ReplayRequest', reply: 'ReplayReply', more: [409] },
  },
  'POST /api/incidents/{id}/allow-once': {
    summary: 'Lets the content of an incident pass from now on.',
    ...{ request: 'ReleaseRequest', reply: 'ReleaseReply', more: [404, 501] },
  },
  'GET /api/reports': {
    summary: 'What plugins keep of their judgements, as threat emulation does; newest first.',
    ...{ query: { limit: '1 to 200, default 50' }, reply: 'ReportsReply', more: [501] },
  },
  'GET /api/reports/{id}': {
    summary: 'One of them: score, reasons, and what the content did as a tree.',
    ...{ reply: 'ReportReply', more: [404] },
  },
  'GET /api/quarantine': { summary: 'What is kept of it.', reply: 'QuarantineReply', more: [501] },
  'GET /api/quarantine/{id}': { summary: 'One object.', reply: 'QuarantineItem', more: [404, 501] },
  'DELETE /api/quarantine/{id}': { summary: 'Deletes it.', reply: 'RemovedReply', more: [404, 501] },
  'GET /api/quarantine/{id}/download': {
    summary: 'The object itself.',
    ...{ reply: 'application/octet-stream', more: [404, 501] },
  },
  'POST /api/quarantine/{id}/release': {
    summary: 'Lets it pass from now on.',
    ...{ request: 'ReleaseRequest', reply: 'ReleaseReply', more: [404, 501] },
  },
  'GET /api/trust': {
    summary: 'The CA, and how devices come to trust it.',
    reply: 'TrustReply',
    more: [404],
  },
  'GET /api/learned': {
    summary: 'Hosts that pass unread because clients rejected their certificates.',
    reply: 'LearnedReply',
  },
  'DELETE /api/learned': {
    summary: 'Intercepts a host again.',
    query: { host: 'as GET /api/learned has it', client: 'for this client alone' },
    ...{ reply: 'RemovedReply', more: [404] },
  },
  'GET /api/plugins': { summary: 'Plugins with what they bring.', reply: 'PluginsReply' },
  'POST /api/plugins/{plugin}/reload': {
    summary: 'Sets one plugin up anew beside the one that serves, which finishes what it has begun.',
    ...{ reply: 'PluginReloadReply', more: [404, 409] },
  },
  'GET /api/panels/{plugin}/{id}': { summary: 'Data of a panel.', reply: 'PanelReply', more: [404] },
  'GET /api/openapi.json': { summary: 'This description.', reply: 'application/json' },
  'GET /api/live': {
    summary:
      'WebSocket: LiveMessage from the server, LiveSubscribe from the viewer, as text. Browsers need their Origin to be this server.',
    ...{ reply: 'LiveMessage', status: 101, more: [503] },
  },
};

/** Types that no operation names and that belong to the description. */
export const BESIDES = ['LiveSubscribe', 'ApiError'] as const;
