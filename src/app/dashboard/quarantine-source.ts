// The quarantine and releases for the dashboard: the desk of the gateway, on the folders of the configuration in force, and a
// line in the log for whatever somebody does there.

import type { QuarantineSource } from '../../dashboard/api/sources.ts';
import type { QuarantineItem } from '../../dashboard/api/types.ts';
import { QuarantineDesk } from '../../gateway/quarantine/desk.ts';
import type { QuarantineEntry } from '../../gateway/quarantine/quarantine.ts';
import type { Running } from '../running.ts';

const ONCE_MS = 3_600_000; // for somebody who waits for it
const SHOWN = 1000; // entries

export function quarantineSource(running: Running): QuarantineSource {
  let made: { readonly key: string; readonly desk: QuarantineDesk } | null = null;
  const desk = (): QuarantineDesk => {
    const { verdicts, quarantine } = running.config.gateway;
    const key = JSON.stringify([verdicts, quarantine]);
    if (made?.key !== key) made = { key, desk: new QuarantineDesk({ verdicts, quarantine }) };
    return made.desk;
  };
  const note = (what: string, id: string, fields: object): void =>
    running.log.event('warn', `${what} on the dashboard: ${id}`, { incident: id, ...fields });
  return {
    list: async () => {
      const entries = await desk().list(SHOWN);
      const bytes = entries.reduce((sum, entry) => sum + (entry.stored ? entry.bytes : 0), 0);
      return { items: entries.map(itemOf), bytes, maxBytes: running.config.gateway.quarantine.maxBytes };
    },
    get: async (id) => {
      const entry = await desk().get(id);
      return entry === null ? null : itemOf(entry);
    },
    download: async (id) => {
      if ((await desk().get(id))?.stored !== true) return null;
      const stream = await desk().open(id);
      note('quarantined content was taken out', id, {});
      return { name: `${id}.quarantined`, stream };
    },
    release: async (id, reason) => {
      if ((await desk().get(id)) === null) return null;
      const { sha256, releasedUntil } = await desk().release(id);
      note('blocked content passes from now on, as released', id, { sha256, until: releasedUntil, reason });
      return { sha256 };
    },
    allowOnce: async (id, reason) => {
      const incident = running.log.incidents.recent.findLast((each) => each.id === id);
      const known = incident ?? (await desk().get(id));
      if (known === null) return null;
      const { sha256, until } = await desk().releaseIncident(known, ONCE_MS);
      note('blocked content passes for an hour, as allowed', id, { sha256, until, reason });
      return { sha256 };
    },
    remove: async (id) => {
      const isGone = await desk().delete(id);
      if (isGone) note('quarantined content was deleted', id, {});
      return isGone;
    },
  };
}

function itemOf(entry: QuarantineEntry): QuarantineItem {
  const { id, url, bytes, sha256, threat, severity, client, user, profile, service } = entry;
  return {
    ...{ id, url, bytes, sha256, threat, severity, client, user, profile, service },
    time: new Date(entry.time).toISOString(),
    fileName: fileNameOf(url),
    released: entry.releasedUntil !== null && entry.releasedUntil > Date.now(),
  };
}

/** Last segment of the path; null where there is none. */
function fileNameOf(url: string): string | null {
  const name =
    url
      .split(/[?#]/, 1)[0]!
      .replace(/^[a-z]+:\/\/[^/]*/i, '')
      .split('/')
      .at(-1) ?? '';
  return name === '' ? null : name.slice(0, 200);
}
