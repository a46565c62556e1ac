// Messages, verdicts and errors as they pass between threads: plain data there, with their functions and
// buffers on either side.

import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { ERRORS, PluginError, isWeirError, messageOf, type ErrorCode } from '../../errors.ts';
import { fieldValue } from '../../icap/codec/fields.ts';
import type { BladeMessage } from '../api/blade.ts';
import type { Verdict } from '../api/verdict.ts';
import type { FailureMessage } from './messages.ts';

/** A message without its functions; `field` is what `header()` looks in. */
export type PlainMessage = Omit<BladeMessage, 'header' | 'body'> & {
  readonly body: {
    readonly size: number;
    readonly memory: Uint8Array | null;
    readonly file: string | null;
  } | null;
};

export function plainMessage(message: BladeMessage): PlainMessage {
  const { direction, method, url, request, response, client, server, limits, body } = message;
  return {
    ...{ direction, method, url, request, response, client, server },
    ...(limits === undefined ? {} : { limits }),
    body:
      body === null
        ? null
        : { size: body.size, memory: body.memory === null ? null : alone(body.memory), file: body.file },
  };
}

export function revivedMessage({ body, ...message }: PlainMessage): BladeMessage {
  const inspected = message.direction === 'request' ? message.request : message.response;
  const memory = body?.memory == null ? null : bufferOf(body.memory);
  return {
    ...message,
    header: (name) => (inspected === null ? undefined : fieldValue(inspected.headers, name.toLowerCase())),
    body:
      body === null
        ? null
        : {
            size: body.size,
            memory,
            file: body.file,
            stream: () =>
              memory === null ? createReadStream(body.file!) : Readable.from([memory], { objectMode: false }),
          },
  };
}

export function isVerdict(value: unknown): value is Verdict {
  return ['allow', 'block', 'modify'].includes((value as Verdict | null)?.kind as string);
}

/** Buffers pass as plain arrays of bytes. Anything that changes nothing is as it was. */
export function withBuffers(answer: unknown): unknown {
  if (!isVerdict(answer) || answer.kind !== 'modify') return answer;
  const { body, prefix } = answer;
  return {
    ...answer,
    ...(body === undefined ? {} : { body: bufferOf(body) }),
    ...(prefix === undefined ? {} : { prefix: bufferOf(prefix) }),
  };
}

/** A part of a larger piece of memory would take all of that with it. */
function alone(bytes: Buffer): Uint8Array {
  return bytes.buffer.byteLength > 2 * bytes.length ? new Uint8Array(bytes) : bytes;
}

/** The same bytes, not copied. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function plainFailure(error: unknown): FailureMessage {
  const { code = 'ERR_PLUGIN_FAILED', fields = {} } = isWeirError(error) ? error : {};
  return { code, message: messageOf(error), path: (fields as { path?: string }).path ?? null };
}

export function revivedFailure({ code, message, path }: FailureMessage): PluginError {
  const known = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'ERR_PLUGIN_FAILED';
  return new PluginError(known, message, path === null ? {} : { path });
}
