// A request for a part as range-objects.ts wants to see it: where it goes, under which name its object may be
// kept, and how a response to it would be judged.

import type { Body } from '../../http/body.ts';
import type { RawHeaders, ResponseHead } from '../../icap/codec/http-head.ts';
import { formatAuthority } from '../../util/authority.ts';
import type { Cancellation } from '../../util/cancellation.ts';
import type { PipelineInput, PipelineOutput, StepTrace } from '../adaptation/pipeline.ts';
import type { PlanInput } from '../adaptation/plan.ts';
import type { OriginRequest } from '../origin/engine.ts';
import type { Outgoing } from '../outgoing-request.ts';
import type { ProxyContext, Session } from '../session.ts';
import type { RangeOutcome } from './range-types.ts';

/** Whether a request asks for a part of what services would want to see whole. */
export function asksForPart(context: ProxyContext, session: Session, outgoing: Outgoing): boolean {
  const { head, body } = outgoing;
  if (body !== null || !context.ranges.concerns(head.method, head.headers)) return false;
  return context.pipeline.mayAdaptResponse(planInput(session, outgoing, head.headers, null, null));
}

/** What a transaction brings along. */
export interface RangeRequest {
  readonly id: string;
  readonly trace: StepTrace[];
  readonly context: ProxyContext;
  readonly session: Session;
  readonly cancellation: Cancellation;
  /** With its Range. */
  readonly outgoing: Outgoing;
  originRequest(outgoing: Outgoing): OriginRequest;
  input(
    outgoing: Outgoing,
    response: ResponseHead,
    body: Body | null,
    serverIp: string | null,
  ): PipelineInput;
  /** The object that was fetched for it has been judged. */
  onOutput(output: PipelineOutput): void;
}

/** @throws {WeirError} as `RangeObjects.run` */
export function fetchWhole(request: RangeRequest): Promise<RangeOutcome> {
  const { id, trace, context, session, cancellation, outgoing } = request;
  const { target, url, head } = outgoing;
  const scheme = target.secure ? `https ${target.serverName}` : 'http';
  const asking = (headers: RawHeaders): Outgoing => ({ ...outgoing, head: { ...head, headers } });
  return context.ranges.run({
    id,
    client: session.client,
    user: session.user,
    // The URL alone is what a client says of where it goes; what is connected to counts too.
    place: `${formatAuthority(target.host, target.port)} ${scheme} ${url}`,
    headers: head.headers,
    cancellation,
    send: (headers, own) =>
      context.engine.send({ ...request.originRequest(asking(headers)), cancellation: own }),
    isStream: ({ head: response, facts, body }) =>
      context.streams.isStream({ response: { ...response, headers: facts.endToEnd }, body }),
    async adapt({ head: response, facts, serverIp }, headers, body, own) {
      const seen: ResponseHead = { ...response, version: '1.1', headers: facts.endToEnd };
      const input = request.input(asking(headers), seen, body, serverIp);
      const output = await context.pipeline.run('RESPMOD', { ...input, cancellation: own }, trace);
      request.onOutput(output);
      return output;
    },
    planFor: (headers, response, length) =>
      context.pipeline.plan('RESPMOD', planInput(session, outgoing, headers, response, length)),
  });
}

function planInput(
  { client, user, groups = [] }: Session,
  { head, target, url }: Outgoing,
  headers: RawHeaders,
  response: ResponseHead | null,
  length: number | null,
): PlanInput {
  const request = { method: head.method, target: url, version: '1.1', headers };
  return { host: target.serverName, request, response, clientIp: client, user, groups, length };
}
