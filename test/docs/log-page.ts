// docs/log.md as text: the fields of log records, from their types and what is said of them there. Written by
// `npx tsx` of this file and held equal by test/docs/generated.test.ts.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export const LOG_PAGE = fileURLToPath(new URL('../../docs/log.md', import.meta.url));
export const WRITE_LOG_PAGE = 'npx tsx test/docs/log-page.ts';
const SOURCE = fileURLToPath(new URL('../../src/telemetry/records.ts', import.meta.url));

/** What the types do not say, because the names do. */
const PLAIN: Readonly<Record<string, string>> = {
  id: 'of the transaction: on pages, and for `weir why`',
  client: "the client's address",
  user: 'name that the client has logged in with',
  method: 'request method; for ICAP REQMOD or RESPMOD',
  url: 'absolute URL, without user and password',
  tls: 'what was done with the TLS of the tunnel',
  adaptation: 'each service that was asked, in order',
  verdict: 'what became of it',
  threat: 'what was found',
  range: 'for a request for a part of an object',
  ms: 'duration in milliseconds',
  error: 'code ([errors.md](errors.md)) and message of a failure',
  icapClient: "the ICAP client's address; `in-process` for the proxy beside it",
  service: 'path of the service',
  icapStatus: 'status of the answer',
  clientIp: 'X-Client-IP, where the ICAP client is trusted',
  serverIp: 'X-Server-IP, likewise',
  blades: 'each blade that was asked, in order',
  bytes: 'of the body',
};

function rowsOf(source: ts.SourceFile, name: string): string {
  const found = source.statements.find(
    (node): node is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(node) && node.name.text === name,
  );
  const rows = found!.members.filter(ts.isPropertySignature).map((member) => {
    const field = member.name.getText(source);
    const said = ts
      .getJSDocCommentsAndTags(member)
      .map((doc) => (typeof doc.comment === 'string' ? doc.comment : ''))
      .join(' ');
    const type = member
      .type!.getText(source)
      .replace(/\/\*\*[^]*?\*\//g, '')
      .replace(/\breadonly /g, '')
      .replace(/\s+/g, ' ');
    const means = said === '' ? (PLAIN[field] ?? '') : said.replace(/\s+/g, ' ').replace(/\.$/, '');
    if (means === '') throw new Error(`${name}.${field}: nobody says what it is`);
    const cell = (text: string): string => text.replaceAll('|', '\\|');
    return `| \`${field}\`${member.questionToken === undefined ? '' : ' (where it applies)'} | \`${cell(type)}\` | ${cell(means)} |`;
  });
  return `| field | type | means |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
}

export function logPage(): string {
  const source = ts.createSourceFile(SOURCE, readFileSync(SOURCE, 'utf8'), ts.ScriptTarget.Latest, true);
  return `# Log records

One JSON object a line, to standard output or \`log.file\`; on a terminal one readable line a transaction instead. Each line has \`level\` and \`time\` (ISO 8601). Lines with \`kind\` are transactions, the others events with \`msg\` and fields of their own. No line holds bodies, cookies or authorization fields.

\`\`\`sh
weir start | jq 'select(.kind == "proxy" and .verdict == "blocked") | {time, client, url, threat}'
\`\`\`

## The proxy: \`"kind": "proxy"\`

${rowsOf(source, 'ProxyRecord')}
## The gateway: \`"kind": "gateway"\`

${rowsOf(source, 'GatewayRecord')}
This page is written from \`src/telemetry/records.ts\`: \`${WRITE_LOG_PAGE}\`.
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(LOG_PAGE, logPage());
