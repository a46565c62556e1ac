// ICAP in words: what its lines, statuses and parts mean (RFC 3507).

export const icapAnswers: Readonly<Record<string, string>> = {
  allowed: 'not modified',
  modified: 'modified',
  blocked: 'block page',
  error: 'error',
};

export const icap = {
  none: 'No service was asked: no adaptation rule fitted this transaction.',
  skipped: (key: string) => `left out: ${key} did not fit`,
  rule: 'Rule',
  answer: 'ICAP answer',
  message: 'Message made',
  service: 'Service',
  error: 'Error',
  remedy: 'What to do',
  after: 'Then',
  afters: {
    next: 'the next service was asked',
    bypass: 'the message passed without a verdict',
    block: 'the message was blocked',
    lost: 'the message was lost',
    cancelled: 'it was cancelled',
  },
  decided: 'Decided by',
  inProcess:
    'This service runs in the same process and was asked without a connection: there are no ICAP bytes.',
  address: 'Address',
  connection: 'Connection',
  reused: 'was open',
  opened: (time: string) => `opened in ${time}`,
  queued: 'Waited for it',
  firstByte: 'First byte after',
  total: 'In all',
  request: 'ICAP request',
  noAnswer: 'No answer came.',
  parts: 'Parts of the encapsulated message',
  offsets: (from: number, to: number | null) =>
    to === null ? `from byte ${from}, chunked` : `bytes ${from} to ${to}`,
  endsAt: (at: number) => `nothing after byte ${at}`,
  preview: (size: string) => `Preview, ${size}`,
  ieof: (announced: number) =>
    `Shorter than the ${announced} bytes announced: that was the whole body, so it ends with "0; ieof" and no 100 Continue will follow.`,
  wholePreview:
    'It ends with a chunk of size 0, marked ieof where it was the whole body. Without that mark the service says 100 Continue for the rest, or answers at once.',
  previewNotKept: 'Its bytes were not kept; trace.bodies of the configuration says how many are.',
} as const;

export const explained: {
  readonly startLines: Readonly<Record<string, string>>;
  readonly statuses: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
  readonly parts: Readonly<Record<string, string>>;
} = {
  startLines: {
    REQMOD:
      'Asks about a request on its way to the origin. The service may leave it, change it, or answer it.',
    RESPMOD: 'Asks about a response on its way to the client. The service may leave it or make another one.',
    OPTIONS: 'Asks what the service can do.',
  },
  statuses: {
    '100': 'Continue: the service wants the rest of the body after the preview.',
    '200': 'OK: the service sends a message that takes the place of the one it was asked about.',
    '204': 'No Content: the message goes on as it was.',
    '206':
      'Partial Content: the service sends the start, and the rest of the original body follows (use-original-body).',
    '404': 'There is no such service at this address.',
    '405': 'The service does not take this method.',
    '408': 'The service waited too long for the request.',
    '500': 'The service failed.',
    '503': 'The service is overloaded.',
  },
  fields: {
    host: 'The ICAP server that is asked.',
    allow: 'What the client can take besides 200: 204 outside the preview, 206 for a partial answer.',
    preview: 'How many bytes of the body come first; the service may decide on them alone.',
    encapsulated:
      'Where each part of the HTTP message begins, in bytes from the start of the encapsulated section.',
    istag: 'Version of the service and its signatures; a new one makes kept verdicts void.',
    connection: 'Whether the connection is kept for the next message.',
    date: 'When the server answered.',
    service: 'Name and version of the service.',
    methods: 'Methods that the service takes.',
    'options-ttl': 'Seconds for which this answer to OPTIONS holds.',
    'max-connections': 'Connections that the service takes at a time.',
    'transfer-preview': 'File extensions of which the service wants a preview.',
    'transfer-ignore': 'File extensions that the service does not want to see.',
    'transfer-complete': 'File extensions that the service wants whole, without a preview.',
    'x-client-ip': 'Address of the client that the proxy serves.',
    'x-server-ip': 'Address of the origin.',
    'x-authenticated-user': 'User who has logged in at the proxy, in base64.',
    'x-authenticated-groups': 'Groups of that user, in base64.',
    'x-infection-found': 'What was found: type, what became of it, and its name.',
    'x-virus-id': 'Name of what was found.',
    'x-violations-found': 'What was found, member by member of an archive.',
    'x-response-info': 'What the service did with the message.',
    'x-next-services': 'Services that the message shall go to next.',
    'user-agent': 'Name and version of the ICAP client.',
    server: 'Name and version of the ICAP server.',
  },
  parts: {
    'req-hdr': 'head of the HTTP request',
    'req-body': 'body of the HTTP request',
    'res-hdr': 'head of the HTTP response',
    'res-body': 'body of the HTTP response',
    'opt-body': 'body of the OPTIONS answer',
    'null-body': 'there is no body',
  },
};
