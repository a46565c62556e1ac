// docs/icap-doctor.md as text, from the catalogue: the page is written by `npx tsx` of this file and
// held equal by catalogue.test.ts, so that no check can be missing or described differently.

import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CHECKS } from '../../../src/icap/doctor/catalogue.ts';
import { type Check, type Group, GROUPS } from '../../../src/icap/doctor/types.ts';

export const DOCTOR_PAGE = fileURLToPath(new URL('../../../docs/icap-doctor.md', import.meta.url));
export const WRITE_COMMAND = 'npx tsx test/icap/doctor/page.ts';

const ABOUT: Readonly<Record<Group, string>> = {
  connection: 'Reaching the port, TLS, who speaks first, how a connection ends, slow and vanishing clients.',
  options: 'The OPTIONS answer, field by field: from it clients take what they may send.',
  istag: 'The field by which clients know whether cached results still hold.',
  errors: 'What is said to requests that are wrong: the right status, and never silence.',
  persistence: 'Several requests on one connection: one answer each, in step.',
  grammar: 'Legal but unusual spelling in requests, and the spelling of the server itself.',
  uri: 'The forms of the ICAP URI that find the service.',
  chunks: 'Chunked bodies in all their legal forms.',
  preview: 'The dialogue around the first bytes of a body. Skipped where OPTIONS offers no preview.',
  'no-content': '204, which lets a message pass without sending it back.',
  partial: '206, which changes the beginning and keeps the rest. Skipped where OPTIONS does not offer it.',
  trailers: 'HTTP trailers behind a body, and ICAP trailers behind an answer.',
  echo: 'Messages that come back: legal, complete and unchanged.',
  verdict:
    'What a scanner does with EICAR, a harmless file that scanners report by agreement. Skipped where EICAR passes.',
  limits: 'How much a server takes.',
  load: 'A few connections at once, and how long answers take.',
};

const INTRODUCTION = `# weir icap doctor

Examines any ICAP server, ours or another vendor's: what it can do, where it breaks the protocol, and what that means for whoever runs clients of it.

\`\`\`sh
weir icap doctor icap://127.0.0.1:1344/sandblast
weir icap doctor icap://scanner.example/avscan --problems        # only what is not in order
weir icap doctor icap://scanner.example/avscan --only preview,verdict.eicar --raw
weir icap doctor icaps://scanner.example/avscan --ca ca.pem --json > report.json
\`\`\`

## Reading the report

On top stands what the server can do: product (a guess from what it says of itself), methods, preview, connections, whether it finds EICAR, which oddities of clients it puts up with, how fast it answers. Then advice for whoever sets up clients, then all checks.

| result | meaning                                                                                              |
| ------ | ---------------------------------------------------------------------------------------------------- |
| PASS   | the server keeps the rule                                                                            |
| FAIL   | it breaks a rule of level \`must\`; the exit code is 1                                                 |
| WARN   | it breaks a rule of level \`should\`                                                                   |
| SKIP   | does not apply (the reason stands beside it), or needs something that did not work, or \`--intrusive\` |

With FAIL and WARN stand the id of the check, what it means in practice, where the rule comes from, and the bytes that were sent and received, abbreviated. \`--raw\` shows the bytes of every check.

| level    | meaning                                                                                  |
| -------- | ---------------------------------------------------------------------------------------- |
| \`must\`   | a MUST or the grammar of RFC 3507, its errata, the drafts that extend it, or of HTTP/1.1 |
| \`should\` | a SHOULD, or what deployed clients count on                                              |
| \`info\`   | worth knowing; neither good nor bad                                                      |

Exit codes: 0 nothing of level \`must\` failed; 1 something did, or the server was not reached; 2 wrong usage.

## What it does to the server

- Less than 1 MiB in all, in small requests, one check after the other with a pause between. One check opens up to 16 connections at once (fewer if \`Max-Connections\` says so).
- EICAR is sent in clear, in gzip and in ZIP: expect the incidents in the server's log, perhaps an alarm. It never appears in the report, which can be stored anywhere.
- Requests name the host \`doctor.example\` and carry \`User-Agent: weir-icap-doctor\`.
- Each check has connections of its own and a deadline (eight times \`--timeout\`). If the server answers nobody after a check, that check says so and the rest is skipped.
- \`--intrusive\` adds checks that a fragile server might not survive, or that hold a handler for a while: broken offsets and chunks, headers of 128 KiB, as many connections as \`Max-Connections\` says (256 at most). Not against a server in production.

## Options

| option                                  | meaning                                                                       |
| --------------------------------------- | ----------------------------------------------------------------------------- |
| \`--only ID\\|GROUP\`                      | only these; a comma list, may be repeated                                     |
| \`--list\`                                | print the checks and run none                                                 |
| \`--problems\`                            | print only FAIL and WARN                                                      |
| \`--intrusive\`                           | see above                                                                     |
| \`--timeout 5s\`                          | silence after which an answer is given up; raise it for a sandbox that thinks |
| \`--icap-header F\`                       | a field for every request, such as a key that the server wants                |
| \`--ca\`, \`--insecure\`, \`--cert\`, \`--key\` | for icaps                                                                     |
| \`--raw\`, \`--json\`                       | bytes of all checks; one object for programs                                  |

## The JSON report

- \`url\`, \`startedAt\`
- \`summary\`: \`pass\`, \`fail\`, \`warn\`, \`skip\`, \`total\`, \`reached\`, \`ok\`, \`connections\`, \`bytesSent\`, \`ms\`
- \`capabilities\`: \`product\`, \`service\`, \`methods\`, \`preview\`, \`allow204\`, \`allow206\`, \`allowTrailers\`, \`maxConnections\`, \`optionsTtlSeconds\`, \`istag\`, \`persistent\`, \`pipelining\`, \`detects\` {\`plain\`, \`gzip\`, \`zip\`}, \`tolerates\` {name: true or false}, \`latencyMs\` {\`options\`, \`message\`: medians}. null: not offered, or not examined.
- \`advice\`: sentences
- \`checks\`: \`id\`, \`group\`, \`level\`, \`title\`, \`clause\`, \`status\` (pass, fail, warn, skip), \`saw\`, \`means\` (null unless fail or warn), \`sent\`, \`received\`, \`ms\`, and \`figures\` where something was measured. Ids are permanent.

## The checks

${CHECKS.length} of them, ${CHECKS.filter((check) => check.level === 'must').length} of level \`must\`. This page is written from the catalogue: \`${WRITE_COMMAND}\`.
`;

/** The whole page. */
export function doctorPage(): string {
  const order = GROUPS.map((group) => ({ group, checks: CHECKS.filter((check) => check.group === group) }));
  const sections = order.map(({ group, checks }) => {
    const rows = checks.map(row).join('\n');
    return `### ${group}\n\n${ABOUT[group]}\n\n| check | a good server … | what is sent | otherwise | rule |\n| --- | --- | --- | --- | --- |\n${rows}\n`;
  });
  return `${INTRODUCTION}\n<!-- prettier-ignore-start -->\n\n${sections.join('\n')}\n<!-- prettier-ignore-end -->\n`;
}

function row({ id, level, intrusive, title, sends, means, clause }: Check): string {
  const marks = intrusive === true ? `${level}, intrusive` : level;
  return `| ${[`\`${id}\`<br>${marks}`, title, sends, means, clause].map(cell).join(' | ')} |`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(DOCTOR_PAGE, doctorPage());
}
