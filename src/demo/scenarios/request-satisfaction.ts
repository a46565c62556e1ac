// Request satisfaction (RFC 3507 §3.1): an ICAP server answers the request itself, and nobody asks the origin.

import { NOTICE } from '../notice-service.ts';
import type { Scenario } from '../scenario.ts';

export const requestSatisfaction: Scenario = {
  name: 'request-satisfaction',
  title: 'An answer without the origin',
  about: 'A second ICAP server answers for intranet.lab.test by itself: request satisfaction.',
  pages: {},
  visit: 'intranet/',
  ownGatewayOnly: false,
  async play({ client, origin, traced }) {
    const url = origin.url('intranet', '/');
    const answer = await client.request(url);
    const trace = await traced((record) => record.url === url);
    const { requests } = origin.seen('intranet', '/');
    return {
      acts: [{ label: null, expected: 'modified', trace }],
      checks: [
        { what: 'the user got the notice of the ICAP server', ok: answer.body.includes(NOTICE) },
        { what: `the origin saw nothing of it (${requests} requests)`, ok: requests === 0 },
      ],
    };
  },
};
