// Texts of the server's answers: errors, OPTIONS, the start of all others. Which of them is due,
// connection.ts decides. S-100 … S-505, S-O1 … S-O13.

import type { WeirError } from '../../errors.ts';
import { asksFindings, findingsLine } from '../findings.ts';
import type { IcapService, ServiceDescription } from '../service.ts';
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
  407: 'Proxy Authentication Required',
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

// After every other error the framing, the peer or the load is in doubt (table of S-400 … S-505).
const PERSISTENT: readonly number[] = [404, 405, 418, 500, 502];

/** Whether a connection may go on after an error answer that the request itself did not spoil (S-11). */
export function mayPersist(status: number): boolean {
  return PERSISTENT.includes(status);
}

/** `Methods` of the service for an answer of 405: ICAP's `Allow` names features, not methods (S-405). */
export function methodsField(error: WeirError, service: IcapService | undefined): string {
  const { code } = error;
  return code === 'ERR_ICAP_NOT_ALLOWED' && service ? `Methods: ${service.methods.join(', ')}\r\n` : '';
}

/** What an answer of 407 asks for (C-18, RFC 7617). */
export function challengeField({ code }: WeirError): string {
  return code === 'ERR_ICAP_AUTH' ? 'Proxy-Authenticate: Basic realm="Weir", charset="UTF-8"\r\n' : '';
}

/** What the judges have said, where the proxy of this very Weir asks for it; nobody else is told. */
export function findingsField({ service, transaction }: Exchange): string {
  if (!transaction.isOwn || service?.findingsOf === undefined) return '';
  return asksFindings(transaction.icapHeaders) ? findingsLine(service.findingsOf(transaction)) : '';
}

/** What a client says that it understands. */
export interface Offer {
  readonly allow206: boolean;
  readonly allowTrailers: boolean;
}

const NO_OFFER: Offer = { allow206: false, allowTrailers: false };

/** A complete answer to OPTIONS. 206 and trailers are named only to a client that named them (C-62, C-101). */
export function optionsAnswer(
  methods: readonly string[],
  it: ServiceDescription,
  now: Date,
  close: boolean,
  offer: Offer = NO_OFFER,
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
  const partial = offer.allow206 && it.partialContent === true ? ', 206' : '';
  const trailers = offer.allowTrailers && it.trailers === true ? ', trailers' : '';
  field('Allow', `204${partial}${trailers}`);
  field('Preview', it.preview);
  const transfer = transferLists(it);
  field('Transfer-Preview', transfer.preview);
  field('Transfer-Ignore', transfer.ignore);
  field('Transfer-Complete', transfer.complete);
  field('X-Include', it.include?.join(', '));
  field('X-Allow-Out', it.allowOut?.join(', '));
  if (close) field('Connection', 'close');
  return `${text}\r\n`;
}

/** The Transfer lists; where there are any, one of them holds `*` (S-O11). */
function transferLists(it: ServiceDescription): { preview?: string; ignore?: string; complete?: string } {
  const { transferPreview, transferIgnore, transferComplete } = it;
  const lists = {
    ...(it.preview === null || transferPreview === undefined ? {} : { preview: transferPreview }),
    ...(transferIgnore === undefined ? {} : { ignore: transferIgnore }),
    ...(transferComplete === undefined ? {} : { complete: transferComplete }),
  };
  const all = Object.values(lists);
  if (all.some((list) => list.split(',').some((extension) => extension.trim() === '*'))) return lists;
  if (it.preview !== null && transferPreview === undefined) return { ...lists, preview: '*' };
  if (all.length === 0) return lists;
  if (transferComplete === undefined) return { ...lists, complete: '*' };
  return { ...lists, complete: `${transferComplete}, *` };
}
