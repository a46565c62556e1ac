// A message as blades see it (plugin API): made from an ICAP transaction once its body is held.

import { Readable } from 'node:stream';
import { createReadStream } from 'node:fs';
import type { HeldContent } from '../http/held-body.ts';
import { fieldValue } from '../icap/codec/fields.ts';
import type { IcapTransaction } from '../icap/service.ts';
import type { BladeBody, BladeMessage } from '../plugin/api.ts';
import type { Identity } from './identity.ts';

export function bladeMessage(
  transaction: IcapTransaction,
  identity: Identity,
  content: HeldContent | null,
): BladeMessage {
  const { request, response, method } = transaction;
  const inspected = method === 'REQMOD' ? request : response;
  return {
    direction: method === 'REQMOD' ? 'request' : 'response',
    method: request?.method ?? '',
    url: messageUrl(transaction),
    request,
    response,
    client: { ip: identity.clientIp, user: identity.user, groups: identity.groups },
    server: { ip: identity.serverIp },
    body: content === null ? null : bladeBody(content),
    header: (name) => (inspected === null ? undefined : fieldValue(inspected.headers, name.toLowerCase())),
  };
}

/** Absolute URL as far as known: the target itself, or Host and target (C-27). */
export function messageUrl(transaction: IcapTransaction): string {
  const { request } = transaction;
  if (request === null) return '';
  if (!request.target.startsWith('/')) return request.target;
  const host = fieldValue(request.headers, 'host');
  return host === undefined ? request.target : `http://${host}${request.target}`;
}

/** A body as blades see it. */
export function bladeBody(content: HeldContent): BladeBody {
  const { size, memory, file } = content;
  return {
    size,
    memory,
    file,
    stream: () =>
      memory === null ? createReadStream(file!) : Readable.from([memory], { objectMode: false }),
  };
}
