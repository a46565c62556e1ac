// Texts of the server's answers: errors, 100, 204, OPTIONS, and which parts a 200 carries.
// Which of them is due, connection.ts decides. Table 2.1 and S-O rows.

import type { WeirError } from '../../errors.ts';
import { formatRequestHead, formatResponseHead } from '../codec/http-head.ts';
import type { OutgoingParts } from '../codec/serializer.ts';
import type { Adapted, IcapService, ServiceDescription } from '../service.ts';
import type { Exchange } from './exchange.ts';

export const REASONS: Readonly<Record<number, string>> = {
  100: 'Continue',
  200: 'OK',
  204: 'No Content',
  206: 'Partial Content',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'ICAP Service Not Found',
  405: 'Method Not Allowed For Service',
  408: 'Request Timeout',
  418: 'Bad Composition',
  500: 'Server Error',
  501: 'Method Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Overloaded',
  505: 'ICAP Version Not Supported',
};

/** Start line and ISTag of any answer. */
export function statusHead(status: number, istag: string): string {
  return `ICAP/1.0 ${status} ${REASONS[status] ?? 'Status'}\r\nISTag: "${istag}"\r\n`;
}

/** A complete error answer. `extra` are further field lines, each with CR LF. */
export function errorAnswer(status: number, istag: string, close: boolean, extra = ''): string {
  const connection = close ? 'Connection: close\r\n' : '';
  return `${statusHead(status, istag)}${extra}${connection}Encapsulated: null-body=0\r\n\r\n`;
}

/** `Methods` of the service for an answer of 405: ICAP's `Allow` names features, not methods (S-405). */
export function methodsField(error: WeirError, service: IcapService | undefined): string {
  const { code } = error;
  return code === 'ERR_ICAP_NOT_ALLOWED' && service ? `Methods: ${service.methods.join(', ')}\r\n` : '';
}

/** A complete answer to OPTIONS. */
export function optionsAnswer(
  methods: readonly string[],
  it: ServiceDescription,
  now: Date,
  close: boolean,
): string {
  let text = `ICAP/1.0 200 OK\r\nMethods: ${methods.join(', ')}\r\n`;
  const field = (name: string, value: string | number | null | undefined): void => {
    if (value !== null && value !== undefined && value !== '') text += `${name}: ${value}\r\n`;
  };
  field('Service', it.service);
  field('Service-ID', it.serviceId);
  field('ISTag', `"${it.istag}"`);
  field('Encapsulated', 'null-body=0');
  field('Max-Connections', it.maxConnections);
  field('Options-TTL', it.optionsTtlSeconds);
  field('Date', now.toUTCString());
  field('Allow', '204');
  field('Preview', it.preview);
  if (it.preview !== null) field('Transfer-Preview', it.transferPreview ?? '*');
  field('Transfer-Ignore', it.transferIgnore);
  field('Transfer-Complete', it.transferComplete);
  field('X-Include', it.include?.join(', '));
  if (close) field('Connection', 'close');
  return `${text}\r\n`;
}

/** Adds this server's Via to a header section that it relays. */
type WithVia = (section: string) => string;

/** The received message back: header section of the adapted kind only (S-05). */
export function echoParts({ head, transaction }: Exchange, withVia: WithVia): OutgoingParts {
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
export function adaptedParts(outcome: Adapted, withVia: WithVia): OutgoingParts {
  const { request, response, body, serverMade } = outcome;
  const via: WithVia = serverMade ? (section) => section : withVia;
  return {
    requestHeader: request === undefined ? null : via(formatRequestHead(request)),
    responseHeader: response === undefined ? null : via(formatResponseHead(response)),
    body: body === null ? null : response === undefined ? 'req-body' : 'res-body',
  };
}
