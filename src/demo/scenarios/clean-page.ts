// A page that nothing is wrong with: decrypted, judged twice, and the same to the last byte.

import { cleanPage } from '../samples.ts';
import type { Scenario } from '../scenario.ts';

const BODY = cleanPage();

export const cleanPageScenario: Scenario = {
  name: 'clean-page',
  title: 'A clean page',
  about: 'The proxy decrypts it, both scans let it pass, and not a byte has changed.',
  pages: { 'www/clean': { type: 'text/html; charset=utf-8', body: BODY } },
  visit: 'www/clean',
  ownGatewayOnly: false,
  async play({ client, origin, caName, traced }) {
    const url = origin.url('www', '/clean');
    const answer = await client.request(url);
    const trace = await traced((record) => record.url === url);
    const same = answer.body.equals(BODY);
    return {
      acts: [{ label: null, expected: 'allowed', trace }],
      checks: [
        { what: `all ${BODY.length} bytes arrived as the origin sent them`, ok: same },
        {
          what: `the certificate was made here: issued by ${answer.issuer}`,
          ok: answer.issuer === caName,
        },
      ],
    };
  },
};
