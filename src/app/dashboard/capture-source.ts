// Captured transactions as the dashboard's API tells them: the start of each body, and secrets overwritten
// unless the configuration lets them be seen.

import type { BodyCopy } from '../../capture/body-copy.ts';
import type { TransactionCapture } from '../../capture/capture.ts';
import { CaptureMemory } from '../../capture/memory.ts';
import type { ResolvedConfig } from '../../config/types.ts';
import type { CaptureSource } from '../../dashboard/api/sources.ts';
import type {
  CapturedBody,
  CapturedIcapExchange,
  CapturedMessage,
  HeaderPairs,
  TransactionCaptureReply,
} from '../../dashboard/api/types.ts';
import type { RawHeaders } from '../../icap/codec/http-head.ts';
import { overwrittenSecrets, withoutSecrets, withoutUserInfo } from '../../trace/redaction.ts';
import type { WireBytes } from '../../trace/wire.ts';

const SHOWN = 64 * 1024; // bytes of each body; the rest is for a recording

/** Null where the configuration wants none. */
export function captureMemoryOf({ capture, adaptation }: ResolvedConfig): CaptureMemory | null {
  if (!capture.enabled) return null;
  return new CaptureMemory({
    bodyBytes: capture.bodies,
    wireBytes: capture.wire,
    totalBytes: capture.memory,
    spool: { memoryBytes: SHOWN, folder: adaptation.spool.folder },
  });
}

/** @param secrets  whether they may be seen */
export function captureSource(memory: CaptureMemory, secrets: boolean): CaptureSource {
  return {
    get: async (id) => {
      const capture = memory.get(id);
      return capture === null ? null : replyOf(capture, secrets);
    },
  };
}

async function replyOf(capture: TransactionCapture, secrets: boolean): Promise<TransactionCaptureReply> {
  const { request, requestBody, response, responseBody, wire } = capture;
  const url = request === null || secrets ? request?.url : withoutUserInfo(request.url);
  return {
    request:
      request === null
        ? null
        : await messageOf(`${request.method} ${url}`, request.headers, requestBody, secrets),
    response:
      response === null
        ? null
        : await messageOf(
            `HTTP/1.1 ${response.status} ${response.reason}`,
            response.headers,
            responseBody,
            secrets,
          ),
    icap: (wire?.exchanges ?? []).map(({ service, address, sent, received }): CapturedIcapExchange => ({
      service,
      address,
      sent: bytesOf(sent, secrets),
      received: bytesOf(received, secrets),
    })),
  };
}

async function messageOf(
  startLine: string,
  headers: RawHeaders,
  body: BodyCopy | null,
  secrets: boolean,
): Promise<CapturedMessage> {
  const kept = body === null ? null : await body.part(0, SHOWN);
  return {
    startLine,
    headers: pairsOf(secrets ? headers : withoutSecrets(headers)),
    body:
      kept === null
        ? null
        : { bytes: body!.seen, truncated: kept.length < body!.seen, base64: kept.toString('base64') },
  };
}

function bytesOf(wire: WireBytes, secrets: boolean): CapturedBody {
  const bytes = secrets ? wire.bytes : overwrittenSecrets(wire.bytes);
  return { bytes: wire.total, truncated: bytes.length < wire.total, base64: bytes.toString('base64') };
}

export function pairsOf(headers: RawHeaders): HeaderPairs {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) pairs.push([headers[i]!, headers[i + 1]!]);
  return pairs;
}
