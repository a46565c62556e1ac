// A trace as a story for people: six steps in the order in which they happened, each with its times and the
// line of the configuration behind it; and traces as a list. Control characters cannot get in.

import { colours, type Paint } from '../telemetry/terminal-line.ts';
import { bytes, duration, plain } from './story-words.ts';
import type { TracedExchange, TracedService, TracedStep, TraceRecord } from './types.ts';

export interface StoryOptions {
  /** Header fields too. */
  readonly heads: boolean;
  readonly colours: boolean;
}

type Fields = TraceRecord['request']['headers'];
/** Header fields as lines, where they are wanted. */
type FieldLines = (headers: Fields, mark?: string) => string[];

const COLOUR = {
  allowed: 'green',
  modified: 'yellow',
  bypassed: 'yellow',
  blocked: 'red',
  error: 'red',
} as const;
const LEFT_OUT = 'left out';
const INDENT = ' '.repeat(13);

/** Some twenty lines, with a line end behind the last. */
export function formatStory(trace: TraceRecord, { heads, colours: coloured }: StoryOptions): string {
  const paint = colours(coloured);
  const { id, time, ms, verdict, request, threat, error, decided, incident } = trace;
  const fields: FieldLines = (headers, mark = '  ') =>
    heads ? headers.map(([name, value]) => `${mark}${name}: ${value}`) : [];
  const title = `${id}  ${time}  ${painted(verdict, paint)}  ${duration(ms)}`;
  const lines = [
    ...(incident === null ? [] : [`shown to the user as ${incident}`]),
    `${request.method || '-'} ${request.url || '(no request could be read)'}`,
    `decided by   ${decided}`,
    ...(threat === null
      ? []
      : [`threat       ${threat.name}${threat.blade === null ? '' : ` (${threat.blade})`}`]),
    ...coverageLines(trace),
    ...partLines(trace),
    ...webSocketLines(trace),
    ...waitedLines(trace),
    ...(error === null ? [] : [`failed with  ${error.code}: ${error.message}`, `${INDENT}${error.remedy}`]),
    '',
    ...step(1, 'client', [...clientLines(trace), ...fields(request.headers)]),
    ...step(2, 'TLS', tlsLines(trace)),
    ...step(3, 'REQMOD', pointLines(trace.reqmod, fields)),
    ...step(4, 'origin', originLines(trace)),
    ...step(5, 'RESPMOD', pointLines(trace.respmod, fields)),
    ...step(6, 'user got', [...answerLines(trace), ...fields(trace.answer.headers)]),
  ];
  return `${[title, ...lines.map(plain)].join('\n')}\n`;
}

/** One line a trace, oldest first. */
export function formatList(traces: readonly TraceRecord[], coloured: boolean): string {
  const paint = colours(coloured);
  const lines = traces.map(({ id, time, verdict, answer, request, ms, threat, error }) => {
    const note = threat?.name ?? error?.code ?? '';
    const head = `${time}  ${id}  ${answer.status === 0 ? '---' : answer.status}`;
    const words = `${duration(ms).padStart(9)}  ${request.method || '-'} ${request.url || '-'}`;
    return `${plain(head)}  ${painted(verdict.padEnd(8), paint)}  ${plain(words)}${note === '' ? '' : `  ${plain(note)}`}`;
  });
  return `${lines.join('\n')}\n`;
}

function coverageLines({ coverage = null }: Partial<TraceRecord>): string[] {
  if (coverage?.state !== 'not-scanned') return [];
  return [`not scanned  ${coverage.reason ?? 'for no reason that was noted'}`];
}

const RANGE: Readonly<Record<string, string>> = {
  fetched: 'of the whole object, which was fetched and scanned here',
  joined: 'of the object that was fetched and scanned at the same time',
  kept: 'of the object that was kept',
  origin: 'from the origin, as it could not be scanned as a whole',
  stripped: 'not served: the whole object was asked for',
};
const SHAPE: Readonly<Record<string, string>> = {
  type: 'by its type',
  radio: 'by its icy- fields',
  quiet: 'as little of it came for long',
};

function partLines({ id, range, stream }: TraceRecord): string[] {
  const by = range?.object == null || range.object === id ? '' : `, scanned in ${range.object}`;
  return [
    ...(range === undefined ? [] : [`part         ${RANGE[range.use] ?? range.use}${by}`]),
    ...(stream === undefined
      ? []
      : [
          `stream       known ${SHAPE[stream.shape] ?? stream.shape}; ${stream.policy}${stream.policy === 'window' ? `, ${stream.windows} judged` : ''}`,
        ]),
  ];
}

function webSocketLines({ webSocket, webSocketMessage }: TraceRecord): string[] {
  const lines: string[] = [];
  if (webSocketMessage !== undefined) {
    const { direction, opcode, message, connection } = webSocketMessage;
    lines.push(`message      ${direction}, ${opcode}, number ${message} of the WebSocket ${connection}`);
  }
  if (webSocket !== undefined) {
    const { toOrigin, toClient, close } = webSocket;
    const counted = [toOrigin, toClient].map(
      ({ messages, bytes: size, blocked }) =>
        `${messages} message${messages === 1 ? '' : 's'}${blocked === 0 ? '' : ` and ${blocked} held`} (${bytes(size)})`,
    );
    lines.push(
      `WebSocket    ${counted[0]} to the origin, ${counted[1]} to the client; closed by ${close.by ?? 'nobody'} with ${close.code}`,
    );
  }
  return lines;
}

const WAITED: Readonly<Record<string, string>> = {
  page: 'the client got a page with progress, and fetched the answer later',
  trickle: 'the client got a few bytes a second until the verdict',
  accepted: 'the client got 202, and was to ask again',
};

function waitedLines({ waited, waitedFor }: TraceRecord): string[] {
  if (waitedFor !== undefined) return [`fetched      the answer that ${waitedFor} has kept for it`];
  if (waited === undefined) return [];
  const after = waited.at === null ? '' : `after ${duration(waited.at)} `;
  return [`slow scan    ${after}${WAITED[waited.way] ?? waited.way}`];
}

function step(number: number, name: string, lines: readonly string[]): string[] {
  const [first = 'nothing', ...rest] = lines;
  return [`${number}  ${name.padEnd(10)}${first}`, ...rest.map((line) => `${INDENT}${line}`)];
}

function clientLines({ client, request }: TraceRecord): string[] {
  const user = client.user === null ? '' : `, user ${client.user}`;
  const version =
    request.version === null ? '' : ` HTTP/${request.version === '2.0' ? '2' : request.version}`;
  const sent = request.method === '' ? '' : `: ${request.method}${version}, ${bytes(request.bytes)} of body`;
  return [`${client.address}${user}${sent}`];
}

function tlsLines({ tls }: TraceRecord): string[] {
  if (tls === null) return ['none: the request came in the clear'];
  const { action, sni, version, alpn, tunnel, rule, ms } = tls;
  const known = [
    sni === null ? 'no SNI' : `SNI ${sni}`,
    ...(version === null ? [] : [version]),
    ...(alpn === null ? [] : [`ALPN ${alpn}`]),
  ];
  const took = ms === null ? '' : `, ${duration(ms)} from CONNECT`;
  const tunnelled = tunnel === null ? '' : ` of CONNECT ${tunnel}`;
  const first =
    action === 'none' ? `none inside the tunnel${tunnelled}` : `${action}${tunnelled}: ${known.join(', ')}`;
  return [
    `${first}${took}`,
    ...(tunnel === null
      ? []
      : [rule === null ? 'no rule of proxy.tls.rules fitted: bump' : `${rule.path}: ${rule.text}`]),
  ];
}

function pointLines(steps: readonly TracedStep[], fields: FieldLines): string[] {
  if (steps.length === 0) return ['not asked'];
  return steps.flatMap(({ rule, use, skipped, services, answer, at }) => {
    const line = rule === null ? `service ${use}` : `${rule.path}: ${rule.text}`;
    if (skipped !== null)
      return [
        `${line}; ${skipped === LEFT_OUT ? 'leaves this message out' : `not for this message (${skipped})`}`,
      ];
    const made = answer?.startLine == null ? [] : [`  it answered with ${answer.startLine}`];
    return [
      `${line} (after ${duration(at)})`,
      ...services.flatMap((service) => serviceLines(service, answer, fields)),
      ...made,
      ...(answer?.startLine == null ? [] : fields(answer.messageHeaders)),
    ];
  });
}

function serviceLines(
  { service, ms, error, after, decided, attempts, blades }: TracedService,
  answer: TracedStep['answer'],
  fields: FieldLines,
): string[] {
  const exchanges = attempts.flatMap((attempt, index) => attemptLines(attempt, index + 1, fields));
  const local = attempts.length === 0 ? ' in this process' : '';
  if (error === null) {
    const status = answer === null ? '' : `${answer.verdict}, ICAP ${answer.icapStatus}, `;
    const said = attempts.length > 0 || answer === null ? [] : fields(answer.headers, '    < ');
    return [`  ${service}${local}: ${status}${duration(ms)}`, ...bladeLines(blades), ...exchanges, ...said];
  }
  const next = decided ?? (after === null ? null : AFTER[after]);
  return [
    `  ${service}: failed after ${duration(ms)}, ${error.code}: ${error.message}`,
    ...bladeLines(blades),
    ...exchanges,
    ...(next === null ? [] : [`    then ${next}`]),
  ];
}

function bladeLines(blades: TracedService['blades'] = []): string[] {
  return blades.map(({ name, verdict, ms, cached }) => `    blade ${name}: ${judged(verdict, ms, cached)}`);
}

/** A blade of mode background had not begun, and a verdict that was known cost nothing. */
function judged(verdict: string, ms: number, cached = false): string {
  if (cached) return `${verdict}, known from before`;
  return verdict === 'background' ? verdict : `${verdict}, ${duration(ms)}`;
}

const AFTER = {
  next: 'the next service was asked',
  lost: 'no other could be asked: the message was not there any more',
  cancelled: 'nothing: the client had gone away',
  block: 'block',
  bypass: 'bypass',
} as const;

function attemptLines(attempt: TracedExchange, number: number, fields: FieldLines): string[] {
  const {
    address,
    queuedMs,
    connectMs,
    firstByteMs,
    ms,
    preview,
    status,
    reason,
    headers,
    error,
    request,
    body,
  } = attempt;
  const times = [
    `queued ${duration(queuedMs)}`,
    connectMs === null ? 'connection reused' : `connected in ${duration(connectMs)}`,
    ...(firstByteMs === null ? [] : [`first byte ${duration(firstByteMs)}`]),
    `total ${duration(ms)}`,
  ];
  const sent = preview === null ? '' : `, preview ${bytes(preview)}`;
  const came =
    status === null ? (error === null ? 'no answer' : error.code) : `${status} ${reason ?? ''}`.trimEnd();
  return [
    `    attempt ${number} to ${address}: ${came}${sent} (${times.join(', ')})`,
    ...fields(
      request.map((line) => ['      >', line] as const),
      '',
    ).map((line) => line.replace('>:', '>')),
    ...fields(headers, '      < '),
    ...(body === null ? [] : [`      preview: ${Buffer.from(body, 'base64').toString('latin1')}`]),
  ];
}

function originLines({ origin }: TraceRecord): string[] {
  if (origin === null) return ['not asked'];
  const { authority, address, tls, protocol, parent, reused, connectMs, firstByteMs, ms, status, error } =
    origin;
  const way = [
    ...(address === null ? [] : [`at ${address}`]),
    ...(parent === undefined ? [] : [`through ${parent}`]),
    ...(tls === null ? [] : [tls]),
    ...(protocol == null ? [] : [protocol]),
    ...(reused ? ['connection reused'] : connectMs === null ? [] : [`connected in ${duration(connectMs)}`]),
    ...(firstByteMs === null ? [] : [`first byte ${duration(firstByteMs)}`]),
  ];
  const outcome =
    error !== null ? `${error.code} after ${duration(ms)}` : status === null ? 'joined' : `status ${status}`;
  return [`${authority}: ${[outcome, ...way].join(', ')}`, ...(error === null ? [] : [error.message])];
}

const MADE = { origin: 'from the origin', service: 'made by the service', weir: "Weir's own page" } as const;

function answerLines({ answer, ms, tls, error }: TraceRecord): string[] {
  const { status, reason, from } = answer;
  if (from === 'nobody') return [`nothing, after ${duration(ms)}`];
  if (from === 'tunnel') {
    const what =
      error !== null
        ? 'a tunnel that was closed'
        : tls?.action === 'splice'
          ? 'the tunnel, unread'
          : 'the tunnel';
    return [`${what}, after ${duration(ms)}`];
  }
  return [
    `${status}${reason === null ? '' : ` ${reason}`} ${MADE[from]}, ${bytes(answer.bytes)}, after ${duration(ms)}`,
  ];
}

function painted(verdict: string, paint: Paint): string {
  const colour = COLOUR[verdict.trim() as keyof typeof COLOUR];
  return colour === undefined ? verdict : paint(verdict, colour);
}
