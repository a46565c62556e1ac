// A script that fetches a program, saves it and runs it. Which blade finds it is not said here: the story
// names the one that did.

import { dropperScript } from '../samples.ts';
import type { Scenario } from '../scenario.ts';

const SCRIPT = dropperScript();

export const maliciousScript: Scenario = {
  name: 'malicious-script',
  title: 'A malicious script',
  about: 'A script for Windows that downloads a program, saves it and starts it. It is no known file.',
  pages: { 'cdn/update.js': { type: 'text/javascript', body: SCRIPT } },
  visit: 'cdn/update.js',
  ownGatewayOnly: false,
  async play({ client, origin, traced }) {
    const url = origin.url('cdn', '/update.js');
    const answer = await client.request(url);
    const trace = await traced((record) => record.url === url);
    return {
      acts: [{ label: null, expected: 'blocked', trace }],
      checks: [
        {
          what: `no line of the script reached the user (status ${answer.status})`,
          ok: answer.status >= 400 && !answer.body.includes(SCRIPT.subarray(0, 40)),
        },
      ],
    };
  },
};
