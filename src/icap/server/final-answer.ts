// Decides how an outcome is answered: 204, 206 or 200, and with which parts. When the answer may begin and
// what follows it on the connection, connection.ts decides. S-04 … S-06, C-50 … C-52, C-61 … C-67, C-94.

import { Body } from '../../http/body.ts';
import { endToEndFields } from '../../http/framing.ts';
import { fieldValues, listTokens } from '../codec/fields.ts';
import type { RawHeaders } from '../codec/http-head.ts';
import { formatRequestHead, formatResponseHead } from '../codec/http-head.ts';
import type { OutgoingParts } from '../codec/serializer.ts';
import { assembledBody, keptFrom, withAssembledLength } from '../partial.ts';
import type { Adapted, IcapOutcome } from '../service.ts';
import type { Exchange } from './exchange.ts';
import { previewIsArriving } from './exchange.ts';

/**
 * `unmodified`: 204. `echo`: 200 with the message as it came. `adapted`: 200 with what the service made.
 * `partial`: 206, the client appends the original. `assembled`: 200, the server appends it.
 */
export type AnswerForm = 'unmodified' | 'echo' | 'adapted' | 'partial' | 'assembled';

/** What goes out behind the ICAP fields. */
export interface AnswerMessage {
  readonly parts: OutgoingParts;
  readonly body: Body | null;
  /** Of the last chunk; '' for none. */
  readonly extension: string;
}

/** Adds this server's Via to a header section that it relays. */
type WithVia = (section: string) => string;

const UNCHANGED: WithVia = (section) => section;

/** 204 outside a preview needs the client's word for it (C-50 … C-52). */
export function may204({ head, continued }: Exchange): boolean {
  return head.allow204 || (head.preview !== null && !continued);
}

/** 206 needs the client's word always, and for 204 as well outside a preview (C-51, C-61, C-67). */
export function may206(exchange: Exchange): boolean {
  const { head } = exchange;
  return head.allow206 && head.encapsulated.body !== null && may204(exchange);
}

/**
 * Whether the form cannot be known before the preview is here: it must not depend on how the bytes arrive.
 * @throws {IcapError} as {@link formOf}
 */
export function formNeedsPreview(exchange: Exchange, outcome: IcapOutcome): boolean {
  if (outcome.kind === 'unmodified' || !previewIsArriving(exchange) || hasLength(exchange)) return false;
  return keptFrom(exchange.transaction, outcome) !== null;
}

/** @throws {IcapError} `ERR_ICAP_SERVICE` for an outcome that makes no sense */
export function formOf(exchange: Exchange, outcome: IcapOutcome): AnswerForm {
  if (outcome.kind === 'unmodified') return may204(exchange) ? 'unmodified' : 'echo';
  const { transaction } = exchange;
  const from = keptFrom(transaction, outcome);
  if (from === null) return 'adapted';
  const size = transaction.body!.size;
  if (size !== null && from > 0 && from >= size) return 'assembled'; // C-65: such an offset is out of range
  // Squid 5 fails with a 206 for a preview that was the whole body where no header field told its length.
  const { head, continued } = exchange;
  const isInPreview = head.preview !== null && !continued && size !== null;
  if (isInPreview && !hasLength(exchange)) return 'assembled';
  return may206(exchange) ? 'partial' : 'assembled';
}

function hasLength({ head, transaction: { request, response } }: Exchange): boolean {
  const message = head.method === 'RESPMOD' ? response : request;
  return message !== null && fieldValues(message.headers, 'content-length').length > 0;
}

/** Whether the whole request must be here before the answer begins: these answers repeat it (S-06). */
export function repeatsOriginal(form: AnswerForm): boolean {
  return form === 'echo' || form === 'assembled';
}

/** Header sections and body of an answer other than 204. Takes the bodies: to be called once. */
export function answerMessage(
  exchange: Exchange,
  outcome: IcapOutcome,
  form: AnswerForm,
  withVia: WithVia,
): AnswerMessage {
  const { transaction } = exchange;
  if (outcome.kind === 'unmodified') {
    const body = transaction.body?.restream() ?? null;
    return { parts: echoParts(exchange, withVia), body, extension: '' };
  }
  if (form !== 'partial' && form !== 'assembled') {
    const hasBody = outcome.body !== null;
    return { parts: adaptedParts(outcome, hasBody, withVia), body: outcome.body, extension: '' };
  }
  const from = keptFrom(transaction, outcome)!;
  const parts = adaptedParts(withAssembledLength(transaction, outcome, from), true, withVia);
  if (form === 'assembled') return { parts, body: assembledBody(transaction, outcome, from), extension: '' };
  return { parts, body: outcome.body ?? Body.of(), extension: `use-original-body=${from}` };
}

/** The received message back: header section of the adapted kind only (S-05). */
function echoParts({ head, transaction }: Exchange, withVia: WithVia): OutgoingParts {
  const respmod = head.method === 'RESPMOD';
  const section = respmod ? transaction.sections.responseHeader : transaction.sections.requestHeader;
  const text = section === null ? null : withVia(section.toString('latin1'));
  return {
    requestHeader: respmod ? null : text,
    responseHeader: respmod ? text : null,
    body: head.encapsulated.body,
  };
}

/** What the service made of it; a message that is all the server's own gets no Via (C-94). */
function adaptedParts(outcome: Adapted, hasBody: boolean, withVia: WithVia): OutgoingParts {
  const { request, response, serverMade } = outcome;
  const via = serverMade ? UNCHANGED : withVia;
  return {
    requestHeader:
      request === undefined
        ? null
        : via(formatRequestHead({ ...request, headers: endToEnd(request.headers) })),
    responseHeader:
      response === undefined
        ? null
        : via(formatResponseHead({ ...response, headers: endToEnd(response.headers) })),
    body: !hasBody ? null : response === undefined ? 'req-body' : 'res-body',
  };
}

/** Fields of one hop are never encapsulated, whatever a service or its client says (C-90). */
function endToEnd(headers: RawHeaders): RawHeaders {
  return endToEndFields(headers, listTokens(fieldValues(headers, 'connection')));
}
