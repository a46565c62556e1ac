// The six steps of one transaction in a few words each, as they were noted while it ran: nothing here is known
// beforehand. `weir why` tells the same trace with every detail.

import { bytes, duration, plain } from '../trace/story-words.ts';
import type { TracedService, TracedStep, TraceRecord } from '../trace/types.ts';

export interface StoryStep {
  /** 1 to 6. */
  readonly step: number;
  readonly name: 'client' | 'TLS' | 'REQMOD' | 'origin' | 'RESPMOD' | 'user got';
  /** At least one; without control characters. */
  readonly lines: readonly string[];
}

/** Always six, in order. */
export function sixSteps(trace: TraceRecord): StoryStep[] {
  const steps = [
    { step: 1, name: 'client', lines: clientLines(trace) },
    { step: 2, name: 'TLS', lines: tlsLines(trace) },
    { step: 3, name: 'REQMOD', lines: pointLines(trace.reqmod) },
    { step: 4, name: 'origin', lines: originLines(trace) },
    { step: 5, name: 'RESPMOD', lines: pointLines(trace.respmod) },
    { step: 6, name: 'user got', lines: answerLines(trace) },
  ] as const;
  return steps.map((step) => ({ ...step, lines: step.lines.map(plain) }));
}

function clientLines({ client, request, webSocketMessage }: TraceRecord): string[] {
  if (webSocketMessage !== undefined) {
    const { direction, opcode, message } = webSocketMessage;
    const way = direction === 'outgoing' ? 'sends' : 'is sent';
    return [`${client.address} ${way} message ${message} of a WebSocket: ${opcode}, ${bytes(request.bytes)}`];
  }
  const { method, version } = request;
  const body = request.bytes === 0 ? '' : `, ${bytes(request.bytes)}`;
  const spoken = version === null ? '' : ` over HTTP/${version === '2.0' ? '2' : version}`;
  return [`${client.address} asks: ${method}${spoken}${body}`];
}

const ACTIONS: Readonly<Record<string, string>> = {
  bump: 'decrypted',
  splice: 'left alone (splice)',
  terminate: 'closed (terminate)',
  none: 'no TLS inside the tunnel',
};

function tlsLines({ tls }: TraceRecord): string[] {
  if (tls === null) return ['none: it came in the clear'];
  const { action, sni, version, rule, ms } = tls;
  const facts = [ACTIONS[action] ?? action, ...(sni === null ? [] : [`for ${sni}`])].join(' ');
  const details = [version, ms === null ? null : duration(ms, 1)].filter((detail) => detail !== null);
  const why = rule === null ? [] : [`because of ${rule.path}: ${rule.text}`];
  return [[facts, ...details].join(', '), ...why];
}

function pointLines(steps: readonly TracedStep[]): string[] {
  const asked = steps.filter(({ skipped }) => skipped === null);
  if (asked.length === 0) return ['not asked'];
  return asked.flatMap(({ services, answer }) =>
    services.flatMap((service, index) => {
      const isLast = index === services.length - 1;
      return serviceLines(service, isLast ? answer : null);
    }),
  );
}

function serviceLines(service: TracedService, answer: TracedStep['answer']): string[] {
  const { ms, error, decided, attempts } = service;
  if (error !== null) {
    const next = decided === null ? [] : [`then ${decided}`];
    return [`${service.service}: failed after ${duration(ms, 1)}, ${error.code}: ${error.message}`, ...next];
  }
  const attempt = attempts.at(-1);
  const place = attempt === undefined ? 'in this process' : `at ${attempt.address}`;
  const preview = attempt?.preview == null ? '' : ` on a preview of ${bytes(attempt.preview)}`;
  const verdict = answer === null ? 'asked' : `${answer.verdict}, ICAP ${answer.icapStatus}`;
  const first = `${service.service} ${place}: ${verdict}${preview}, ${duration(ms, 1)}`;
  const found = (answer?.headers ?? []).filter(([name]) => SAID.has(name.toLowerCase()));
  const made = answer?.startLine == null ? [] : [`with ${answer.startLine}`];
  return [first, ...found.map(([name, value]) => `${name}: ${value}`), ...made];
}

/** Fields of an ICAP answer that say what was found. */
const SAID = new Set(['x-infection-found', 'x-virus-name', 'x-blocked-reason']);

function originLines({ origin }: TraceRecord): string[] {
  if (origin === null) return ['not asked'];
  const { authority, tls, protocol, status, error, firstByteMs } = origin;
  if (error !== null) return [`${authority}: ${error.code}: ${error.message}`];
  const outcome = status === null ? 'joined, bytes pass unread' : `answers ${status}`;
  const how = [tls, protocol, firstByteMs === null ? null : duration(firstByteMs, 1)];
  return [[`${authority} ${outcome}`, ...how.filter((part) => part !== null)].join(', ')];
}

const MADE = { origin: 'of the origin', service: 'of the ICAP service', weir: 'of Weir itself' } as const;

function answerLines({ answer, ms, webSocketMessage, tls, threat }: TraceRecord): string[] {
  const { status, reason, from } = answer;
  const after = `after ${duration(ms, 1)}`;
  const found =
    threat === null ? [] : [`for ${threat.name}${threat.blade === null ? '' : `, found by ${threat.blade}`}`];
  if (webSocketMessage !== undefined) return [`the connection closed with ${status}, ${after}`, ...found];
  if (from === 'nobody') return [`nothing, ${after}`, ...found];
  if (from === 'tunnel') return [`the tunnel${tls?.action === 'splice' ? ', unread' : ''}, ${after}`];
  return [
    `${status} ${reason ?? ''}`.trimEnd() + ` ${MADE[from]}, ${bytes(answer.bytes)}, ${after}`,
    ...found,
  ];
}
