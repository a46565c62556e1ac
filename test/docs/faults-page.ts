// docs/faults.md as text, from the table that the tests run: the page is written by `npx tsx` of this file and
// held equal by faults.test.ts, so that it promises nothing that is not tested.

import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ERRORS } from '../../src/errors.ts';
import { type Fault, FAULTS } from '../proxy/adaptation/faults.ts';

export const FAULTS_PAGE = fileURLToPath(new URL('../../docs/faults.md', import.meta.url));
export const WRITE_COMMAND = 'npx tsx test/docs/faults-page.ts';

const INTRODUCTION = `# When an ICAP server fails

What users get when an ICAP server that the proxy asks does something wrong, by what the configuration says. Every row is run by the tests at both points (REQMOD and RESPMOD), with bodies of 0, 1 KiB, 100 KiB and 50 MiB, under each of the three policies; the outcome is the same for all of them except where the row says so. This page is written from the table of the tests: \`${WRITE_COMMAND}\`.

- **block** (\`onError: block\`, the default): a page with the status below, which names the error and an incident id that is in the log. Nothing of the message is delivered: at REQMOD the origin gets nothing, at RESPMOD the client gets nothing of the origin's answer.
- **bypass** (\`onError: bypass\`): the original message, byte for byte; the log says \`bypassed\`.
- **failover** (another member in the group): what the next member makes of the same message. Only when every member has failed, \`onError\` of the last one decides.

What a server sends counts only when it is whole. That holds for answers up to \`adaptation.hold\` (64 MiB unless configured). A longer answer goes on as it comes; the faults marked † then come too late for any policy: the connection is cut before the message's end, so that nobody takes a part for the whole, and the log has the same error. An event stream without an end is never held.

A server that fails ten times in a row is suspended ([adaptation.md](adaptation.md)): its messages then go where a failure would take them, without being sent. What each error means: [errors.md](errors.md).
`;

const TAIL = `## Not faults

What is delivered as if nothing had happened: the answer is right, only the manner is odd.
`;

function row({ does, code, bodiless, inAnswer = false }: Fault): string {
  if (code === null) return `| ${does} |`;
  const shown = (name: keyof typeof ERRORS): string => `${ERRORS[name].http} \`${name}\``;
  const other = bodiless === undefined ? '' : `; without a body ${shown(bodiless)}`;
  return `| ${does}${inAnswer ? ' †' : ''} | ${shown(code)}${other} | the original | the next member's answer |`;
}

/** The whole page. */
export function faultsPage(): string {
  const rows = (delivered: boolean): string =>
    FAULTS.filter(({ code }) => (code === null) === delivered)
      .map(row)
      .join('\n');
  return `${INTRODUCTION}
<!-- prettier-ignore-start -->

| a server that | block | bypass | failover |
| --- | --- | --- | --- |
${rows(false)}

${TAIL}
| a server that |
| --- |
${rows(true)}

<!-- prettier-ignore-end -->

How it is proven over time, with servers that are killed, and with all of this at random: \`node test/soak/run.mjs --help\`.
`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(FAULTS_PAGE, faultsPage());
}
