// An upload that must not leave: judged before the origin is asked (REQMOD), so that the origin learns nothing.

import { eicar } from '../samples.ts';
import type { Scenario } from '../scenario.ts';

const BOUNDARY = 'weir-demo-form';
const FORM = Buffer.concat([
  Buffer.from(
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="report.com"\r\n` +
      'Content-Type: application/octet-stream\r\n\r\n',
  ),
  eicar(),
  Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
]);

export const forbiddenUpload: Scenario = {
  name: 'forbidden-upload',
  title: 'An upload that must not leave',
  about: 'A form with an infected file is sent. It is judged first, and the origin never hears of it.',
  pages: {},
  visit: null,
  ownGatewayOnly: false,
  async play({ client, origin, traced }) {
    const url = origin.url('share', '/upload');
    const answer = await client.request(url, {
      method: 'POST',
      headers: { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` },
      body: FORM,
    });
    const trace = await traced((record) => record.url === url);
    const { requests, bytes } = origin.seen('share', '/upload');
    return {
      acts: [{ label: null, expected: 'blocked', trace }],
      checks: [
        { what: `the origin saw ${requests} requests and ${bytes} bytes of it`, ok: requests === 0 },
        { what: `the user got ${answer.status} with the reason`, ok: answer.status >= 400 },
      ],
    };
  },
};
