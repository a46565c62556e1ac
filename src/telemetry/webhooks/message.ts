// What a webhook says of an incident: JSON with names that stay. Nothing of bodies, cookies or authorization, and
// no secrets of URLs.

import type { Incident } from '../incidents.ts';
import { tellableUrl } from '../tellable-url.ts';
import { WEIR_VERSION } from '../../util/version.ts';

/** `{ version: 1, event: 'incident.block', product, incident }` as JSON. */
export function webhookMessage(incident: Incident): Buffer {
  const { time, url, recipients, kind, ...rest } = incident;
  return Buffer.from(
    JSON.stringify({
      version: 1,
      event: `incident.${kind}`,
      product: `Weir ${WEIR_VERSION}`,
      incident: {
        kind,
        time: new Date(time).toISOString(),
        url: tellableUrl(url),
        ...rest,
        recipients: recipients.map((it) => ({
          ...it,
          time: new Date(it.time).toISOString(),
          url: tellableUrl(it.url),
        })),
      },
    }),
  );
}
