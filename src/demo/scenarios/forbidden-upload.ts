// An upload that must not leave: judged before the origin is asked (REQMOD), so that the origin learns nothing.

import { customerList, eicar } from '../samples.ts';
import type { Scenario } from '../scenario.ts';

const BOUNDARY = 'weir-demo-form';
function formWith(name: string, content: Buffer): Buffer {
  const head = [
    `--${BOUNDARY}`,
    `Content-Disposition: form-data; name="file"; filename="${name}"`,
    'Content-Type: application/octet-stream',
    '',
    '',
  ].join('\r\n');
  return Buffer.concat([Buffer.from(head), content, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]);
}

export const forbiddenUpload: Scenario = {
  name: 'forbidden-upload',
  title: 'An upload that must not leave',
  about: 'A form with customer data is sent. It is judged first, and the origin never hears of it.',
  pages: {},
  visit: null,
  ownGatewayOnly: false,
  async play({ client, origin, traced, chain }) {
    // Not every scanner looks for card numbers; each knows EICAR, which is the data then.
    const form = chain === null ? formWith('customers.csv', customerList()) : formWith('report.com', eicar());
    const url = origin.url('share', '/upload');
    const answer = await client.request(url, {
      method: 'POST',
      headers: { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` },
      body: form,
    });
    const trace = await traced((record) => record.url === url);
    const { requests, bytes } = origin.seen('share', '/upload');
    return {
      acts: [{ label: null, expected: 'blocked', trace }],
      checks: [
        { what: `the origin saw nothing of it (${requests} requests, ${bytes} bytes)`, ok: requests === 0 },
        { what: `the user was refused (status ${answer.status})`, ok: answer.status >= 400 },
      ],
    };
  },
};
