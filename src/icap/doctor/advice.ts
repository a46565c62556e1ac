// What an operator should do about the findings: settings for a client of this server, and what to ask
// its vendor for. One sentence each, the most important first.

import type { Capabilities, CheckReport } from './types.ts';

/** Advice that follows from checks that did not pass. */
const ON_TROUBLE: readonly (readonly [id: string, advice: string])[] = [
  [
    'connection.accepts',
    'Check host, port and firewall, and icap:// against icaps://; nothing else can be examined before.',
  ],
  [
    'options.answers',
    'Check the path of the URL with the documentation of the server: OPTIONS must be answered with 200.',
  ],
  [
    'echo.respmod',
    'A plain response is refused: read why in the answer; a field that the server wants can be given with --icap-header.',
  ],
  ['load.own-content', 'Do not use this server: content of one client reached another.'],
  [
    'no-content.not-unasked',
    'Have clients keep the whole message until the answer has come: this server answers 204 without leave.',
  ],
  [
    'verdict.eicar-preview',
    'Switch preview off in clients (`preview: 0` does not help): behind a preview nothing is scanned.',
  ],
  ['verdict.eicar-ieof', 'Switch preview off in clients: what fits into the preview is not scanned.'],
  [
    'verdict.eicar-gzip',
    'Have the client ask origins for uncompressed content, or unpack it: gzip is not scanned.',
  ],
  ['verdict.eicar-zip', 'Archives are not unpacked: check the limits and file types of the scanner.'],
  ['trailers.http-accepted', 'Remove HTTP trailers before this server: it does not survive them.'],
  ['chunks.extension', 'Do not pass chunk extensions on to this server: it drops the connection.'],
  [
    'connection.close-announced',
    'Let clients repeat a request once when a reused connection turns out closed: it is not announced.',
  ],
  ['errors.not-found', 'Check the path of the URL with care: the server does not report a wrong one.'],
  ['istag.stable', 'Do not cache results of this service: its ISTag changes with every answer.'],
  ['options.date', 'Set the clock of the server: clients that count from Date take it for out of date.'],
  ['options.ttl', 'Set a refresh time for OPTIONS in the client: the server gives none.'],
  [
    'grammar.bare-lf',
    'Keep hand-made clients away: a line that ends in LF alone holds a handler until a timeout.',
  ],
  ['verdict.no-store', 'Have the client forbid caches to keep block pages: the server does not.'],
];

export function adviceFor(capabilities: Capabilities, reports: readonly CheckReport[]): string[] {
  const troubled = new Set(
    reports.filter(({ status }) => status === 'fail' || status === 'warn').map(({ id }) => id),
  );
  const advice = ON_TROUBLE.filter(([id]) => troubled.has(id)).map(([, text]) => text);
  if (capabilities.istag === null && capabilities.methods.length === 0) return advice;
  return [...advice, ...settings(capabilities, troubled)];
}

function settings(capabilities: Capabilities, troubled: ReadonlySet<string>): string[] {
  const { preview, allow204, allow206, maxConnections, detects } = capabilities;
  const previewFails = [...troubled].some((id) => /^preview\.(?!too-long|ieof-case|bare)/.test(id));
  const lines: string[] = [];
  if (preview === null) lines.push('Use no preview: the service offers none, every message is sent whole.');
  else if (previewFails)
    lines.push('Switch preview off in clients until the findings of the group preview are mended.');
  else if (!troubled.has('verdict.eicar-preview') && !troubled.has('verdict.eicar-ieof')) {
    lines.push(`Set preview to ${preview} bytes in clients that do not read it from OPTIONS.`);
  }
  if (!allow204) lines.push('Expect every message to travel back whole: 204 is not offered.');
  if (allow206)
    lines.push(
      'Switch 206 on in clients that can: the service changes messages without sending them back whole.',
    );
  if (maxConnections !== null && maxConnections > 0) {
    lines.push(`Keep all clients together below ${maxConnections} connections.`);
  }
  if (detects.plain === false) lines.push('Do not rely on this service for viruses: EICAR passes.');
  return lines;
}
