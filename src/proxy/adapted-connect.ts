// CONNECT itself at a REQMOD service, where a rule names that method: the service may let it through, name
// another target, or answer in its stead. What goes through the tunnel is another matter. K-52.

import { IcapError } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import { readHeaderFacts } from '../http/framing.ts';
import type { Answer } from '../http/server-connection.ts';
import { withoutField } from '../icap/codec/fields.ts';
import type { ResponseHead } from '../icap/codec/http-head.ts';
import type { TransactionNotes } from '../trace/notes.ts';
import { formatAuthority } from '../util/authority.ts';
import type { AdaptationPipeline, PipelineOutput, StepTrace } from './adaptation/pipeline.ts';
import { asWeirError } from './answers.ts';
import { parseConnectTarget } from './request-target.ts';
import type { Session } from './session.ts';
import type { TunnelRequest } from './tunnel-request.ts';

/** Where a tunnel leads. */
export interface ConnectTarget {
  readonly host: string;
  readonly port: number;
}

export interface AdaptedConnect {
  readonly trace: readonly StepTrace[];
  readonly output: PipelineOutput | null;
  /** Where the tunnel leads now, to be judged again where `renamed`. Null: there is none. */
  readonly target: ConnectTarget | null;
  readonly renamed: boolean;
  /** What the client gets in the tunnel's stead. */
  readonly answer: Answer | null;
  /** A service failed and does not let messages pass, or the answer cannot be used. */
  readonly error: WeirError | null;
}

/** Takes a CONNECT that was found in order through the REQMOD rules. Never rejects. */
export async function adaptConnect(
  pipeline: AdaptationPipeline,
  asked: TunnelRequest,
  session: Session,
  target: ConnectTarget,
  notes: TransactionNotes | null,
): Promise<AdaptedConnect> {
  const trace: StepTrace[] = [];
  const nothing = { trace, output: null, target: null, renamed: false, answer: null, error: null };
  const authority = formatAuthority(target.host, target.port);
  try {
    const output = await pipeline.run(
      'REQMOD',
      {
        host: target.host,
        request: { method: 'CONNECT', target: authority, version: '1.1', headers: asked.facts.endToEnd },
        response: null,
        body: null,
        clientIp: session.client,
        serverIp: null,
        user: session.user,
        groups: session.groups ?? [],
        cancellation: asked.cancellation,
        notes,
      },
      trace,
    );
    if (asked.cancellation.reason !== null) throw asked.cancellation.reason;
    const { request, response } = output;
    if (response !== null) return { ...nothing, output, answer: answerOf(response, output) };
    output.body?.cancel(); // a CONNECT has none
    if (request === null || request.target === authority) return { ...nothing, output, target };
    if (request.method !== 'CONNECT') {
      throw new IcapError('ERR_ADAPT_PROTOCOL', 'an ICAP service made another request of a CONNECT');
    }
    return { ...nothing, output, target: parseConnectTarget(request.target), renamed: true };
  } catch (thrown) {
    return { ...nothing, error: asWeirError(thrown) };
  }
}

/** The service's page. A 2xx would tell the client that the tunnel stands (RFC 9110 §9.3.6): 403 instead. */
function answerOf(head: ResponseHead, { body }: PipelineOutput): Answer {
  const facts = readHeaderFacts(head.headers);
  const opens = head.status >= 200 && head.status < 300;
  return {
    status: opens ? 403 : head.status,
    reason: opens ? 'Forbidden' : head.reason,
    headers: body === null ? withoutField(facts.endToEnd, 'content-length') : facts.endToEnd,
    body,
    contentLength: body === null ? null : facts.contentLength,
    trailer: facts.trailer,
  };
}
