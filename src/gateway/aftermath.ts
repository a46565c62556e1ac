// What is done about a block beside answering it: the body goes into the quarantine if the profile says so,
// and whoever hears of incidents is told. Never holds up the answer, and never fails it.

import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { messageOf } from '../errors.ts';
import type { HeldContent } from '../http/held-body.ts';
import type { BlockVerdict } from '../plugin/api.ts';
import type { Incident, Recipient } from '../telemetry/incidents.ts';
import type { Inspector, Subject } from './inspector.ts';
import type { Content } from './verdicts/remembered.ts';

/** Who has got the content although it is blocked. */
export interface Reached {
  readonly recipients: readonly Recipient[];
  readonly moreRecipients: number;
}

type Found = BlockVerdict & { readonly blade: string; readonly cached: boolean };

/** True where the profile keeps the body of such a block; a copy of it is in the quarantine otherwise. */
export function isKept(inspector: Inspector, subject: Subject, found: Found): boolean {
  const { memory, profile, blades } = inspector;
  const { quarantine = 'off' } = profile;
  if (memory === null || subject.content === null || subject.held === null) return false;
  if (quarantine === 'off' || found.cached) return false;
  if (quarantine === 'all' || subject.message.direction === 'response') return true;
  return blades.some(({ name, judges }) => name === found.blade && judges === 'content');
}

/**
 * Keeps the body if it is to be kept, then tells of the incident.
 * @param subject  its `held` stays as it is until this settles
 * @param reached  null: the message was stopped
 */
export function aftermath(
  inspector: Inspector,
  subject: Subject,
  content: Content | null,
  found: Found,
  reached: Reached | null,
): Promise<void> {
  const work = keepAndTell(inspector, subject, content, found, reached);
  inspector.memory?.follow(work);
  return work;
}

async function keepAndTell(
  inspector: Inspector,
  subject: Subject,
  content: Content | null,
  found: Found,
  reached: Reached | null,
): Promise<void> {
  const { memory, path: service, profile } = inspector;
  if (memory === null) return;
  const { incident: id, message, held, told } = subject;
  const { url, direction } = message;
  const about = {
    ...{ time: Date.now(), id, service, profile: profile.name, direction, url },
    ...{ client: told.clientIp, user: told.user, blade: found.blade },
    ...{ threat: found.threat, severity: found.severity, reason: found.reason },
    ...{ sha256: content?.sha256 ?? null, bytes: message.body?.size ?? 0 },
    ...(found.report === undefined ? {} : { report: found.report }),
  };
  let quarantined = false;
  if (isKept(inspector, subject, found)) {
    const contentType = message.header('content-type') ?? null;
    const contentEncoding = message.header('content-encoding') ?? null;
    const entry = { ...about, sha256: content!.sha256, contentType, contentEncoding };
    try {
      quarantined = await memory.quarantine.keep(entry, () => streamOf(held!));
    } catch (error) {
      memory.event('warn', 'a blocked body cannot be kept in the quarantine', {
        incident: id,
        reason: messageOf(error),
        remedy: 'Check free space and permissions of gateway.quarantine.folder.',
      });
    }
  }
  const incident: Incident = {
    kind: reached === null ? 'block' : 'background',
    ...about,
    cached: found.cached,
    quarantined,
    recipients: reached?.recipients ?? [],
    moreRecipients: reached?.moreRecipients ?? 0,
  };
  if (reached !== null) alert(inspector, incident);
  await memory.verdicts.flushFound(); // who hears of it may rely on it: all processes know by now
  memory.incident(incident);
}

/** The one thing that an operator must not miss: somebody has it. */
function alert({ memory }: Inspector, incident: Incident): void {
  const { id, threat, blade, severity, url, sha256, recipients, moreRecipients } = incident;
  const people = recipients.length + moreRecipients;
  const message = `${blade} found ${threat} in content that has passed already; ${people} got it`;
  const fields = { incident: id, blade, severity, url, sha256, recipients, moreRecipients };
  memory!.alert(message, fields);
}

function streamOf({ memory, file }: HeldContent): Readable {
  return memory === null ? createReadStream(file!) : Readable.from([memory], { objectMode: false });
}
