// A captured transaction once more, through the policy in force or with another profile: what would become of it
// now. One at a time, since each loads the plugins anew; the work is src/app/replay.ts.

import type { TransactionCapture } from '../../capture/capture.ts';
import type { CaptureMemory } from '../../capture/memory.ts';
import type { BodyCopy } from '../../capture/body-copy.ts';
import type { ReadTransaction } from '../../capture/recording-reader.ts';
import { outcomeOf } from '../../capture/recording-writer.ts';
import type { ResolvedConfig } from '../../config/types.ts';
import type { ReplaySource } from '../../dashboard/api/sources.ts';
import type { ReplayReply } from '../../dashboard/api/types.ts';
import { Body } from '../../http/body.ts';
import type { ProxyRecord } from '../../telemetry/records.ts';
import { ReplayStage, withTarget } from '../replay.ts';

/** @param config  what is in force now */
export function replaySource(memory: CaptureMemory, config: () => ResolvedConfig): ReplaySource {
  let turn: Promise<unknown> = Promise.resolve();
  return {
    replay: async (id, profile) => {
      const kept = memory.whole(id);
      if (kept === null) return null;
      const mine = turn.then(() => replayed(kept.capture, kept.record, config(), profile));
      turn = mine.catch(() => {});
      return mine;
    },
  };
}

async function replayed(
  capture: TransactionCapture,
  record: ProxyRecord,
  config: ResolvedConfig,
  profile: string | null,
): Promise<ReplayReply | null> {
  const transaction = await readable(capture, record);
  if (transaction === null) return null;
  const stage = await ReplayStage.open(withTarget(config, profile === null ? {} : { profile }));
  try {
    const { before, now, skipped, partial, changed } = await stage.replay(transaction);
    return { profile, before: before!, now, skipped, partial, changed };
  } finally {
    await stage.close();
  }
}

/** Null where the request could not be read. */
async function readable(capture: TransactionCapture, record: ProxyRecord): Promise<ReadTransaction | null> {
  const { request, requestBody, response, responseBody, serverIp, startedAtMs } = capture;
  if (request === null) return null;
  const sent = await bytesOf(requestBody);
  const received = await bytesOf(responseBody);
  return {
    ...{ id: record.id, time: new Date(startedAtMs).toISOString(), ms: record.ms },
    ...{ client: record.client, user: record.user, serverIp },
    request: { ...request, body: recordedBody(requestBody) },
    response: response === null ? null : { ...response, body: recordedBody(responseBody) },
    outcome: outcomeOf(record),
    requestBody: () => (sent === null ? null : Body.of(sent)),
    responseBody: () => (received === null ? null : Body.of(received)),
  };
}

function bytesOf(copy: BodyCopy | null): Promise<Buffer> | null {
  return copy === null ? null : copy.part(0, copy.size);
}

function recordedBody(copy: BodyCopy | null): ReadTransaction['request']['body'] {
  return copy === null ? null : { bytes: copy.size, seen: copy.seen, complete: copy.complete };
}
