// A host that policy leaves alone, such as a bank: the bytes pass unread, and the client sees the origin's own
// certificate.

import { cleanPage } from '../samples.ts';
import type { Scenario } from '../scenario.ts';

const BODY = cleanPage();

export const splicedHost: Scenario = {
  name: 'spliced-host',
  title: 'A host that is spliced',
  about:
    'A rule leaves bank.lab.test alone: the tunnel passes unread, under the own certificate of the site.',
  pages: { 'bank/': { type: 'text/html; charset=utf-8', body: BODY } },
  visit: 'bank/',
  ownGatewayOnly: false,
  async play({ client, origin, traced }) {
    const url = origin.url('bank', '/');
    const answer = await client.request(url);
    const trace = await traced(({ tls }) => tls?.action === 'splice');
    return {
      acts: [{ label: null, expected: 'bypassed', trace }],
      checks: [
        {
          what: `the certificate is the one of the origin (${answer.fingerprint256.slice(0, 14)}…)`,
          ok: answer.fingerprint256 === origin.fingerprint256,
        },
        {
          what: `all ${BODY.length} bytes arrived as the origin sent them`,
          ok: answer.body.equals(BODY),
        },
        {
          what: 'no service was asked',
          ok: [...trace.reqmod, ...trace.respmod].every(({ services }) => services.length === 0),
        },
      ],
    };
  },
};
