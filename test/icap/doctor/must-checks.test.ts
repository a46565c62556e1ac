// Every check of level must can fail: one server for each that breaks this rule, and the report says so.

import { expect, test } from '@jest/globals';
import { CHECKS } from '../../../src/icap/doctor/catalogue.ts';
import { freePort } from '../../support/supervised.ts';
import { examine } from '../../../src/icap/doctor/examine.ts';
import { BEYOND, bad, changed, CONTINUE, in206, NO_CONTENT, PARTIAL, TAG, when, withBody } from './faults.ts';
import { examination, examineFaulty, type Fault } from './faulty.ts';

/** The preview is answered like this, and what follows it like that. */
const preview = (first: string, second: string): Fault => {
  let asked = false;
  return {
    onRequest(text) {
      if (text.includes('Preview: 0')) {
        asked = true;
        return { answer: first };
      }
      if (!asked || text.startsWith('OPTIONS')) return undefined;
      asked = false;
      return { answer: second };
    },
  };
};
/** A message in two halves is answered after the first; the second is taken for a request. */
const undrained = (first: string, mark: RegExp): Fault => ({
  onRequest(text, turn) {
    if (turn === 1) return mark.test(text) ? { answer: first } : undefined;
    return { answer: `ICAP/1.0 400 Bad Request\r\n${TAG}Connection: close\r\n\r\n`, close: true };
  },
});

const FAULTS: Readonly<Record<string, Fault>> = {
  'connection.close-announced': changed('Connection: close\r\n', ''),
  'connection.byte-by-byte': { onRequest: (text) => (text.length === 1 ? 'close' : undefined) },
  'connection.pause-before-body': {
    onRequest: (text) => (text.includes('res-body') && !text.includes('\r\n0\r\n') ? bad(400) : undefined),
  },
  'options.answers': when('OPTIONS', bad(500)),
  'options.methods': changed(/^Methods: .*\r\n/m, ''),
  'options.methods-clean': changed('Methods: ', 'Methods: OPTIONS, '),
  'options.encapsulated': changed('Encapsulated: null-body=0\r\n', ''),
  'options.opt-body-type': {
    onAnswer: (text) =>
      text.includes('Methods:') ? `${text.replace('null-body=0', 'opt-body=0')}2\r\nab\r\n0\r\n\r\n` : text,
  },
  'options.offers': when('Allow: 204, 206, trailers', bad(400)),
  'options.transfer-default': changed('Transfer-Preview: *', 'Transfer-Preview: exe'),
  'options.nothing-behind': { onAnswer: (text) => (text.includes('Methods:') ? `${text}stray` : text) },
  'istag.options': changed(/^ISTag: .*\r\n/m, ''),
  'istag.message': {
    onAnswer: (text) => (text.includes('Methods:') ? text : text.replace(/^ISTag: .*\r\n/m, '')),
  },
  'istag.error': {
    onAnswer: (text) => (text.includes(' 404 ') ? text.replace(/^ISTag: .*\r\n/m, '') : text),
  },
  'istag.continue': {
    onAnswer: (text) => (text.includes(' 100 ') ? text.replace(/^ISTag: .*\r\n/m, '') : text),
  },
  'echo.reqmod': when(/^REQMOD/, bad(500)),
  'echo.respmod': when(/^RESPMOD/, bad(500)),
  'echo.get': when(/^REQMOD[^]*null-body/, bad(400)),
  'echo.head-response': when('HEAD http', 'ignore'),
  'echo.own-direction': changed('res-hdr=0, res-body', 'req-hdr=0, res-body'),
  'echo.every-byte': changed('\x01\x02\x03', '\x01\x03\x02'),
  'echo.gzip': changed('\x1f\x8b', '\x1f\x8c'),
  'echo.large': changed('harmless line', 'harmless lime'),
  'echo.content-length': changed('Content-Length: 79', 'Content-Length: 97'),
  'echo.hop-by-hop': changed('Server: doctor', 'Connection: ab'),
  'echo.https-target': when('GET https://', bad(400)),
  'echo.origin-form': when('GET /sample.txt', bad(400)),
  'no-content.not-unasked': when(/^RESPMOD(?![^]*(?:Allow|Preview): )/, { answer: NO_CONTENT }),
  'no-content.in-list': when('Allow: trailers, 206', bad(400)),
  'no-content.bare': {
    onAnswer: (text) =>
      text.includes(' 204 ') ? text.replace(TAG, `${TAG}Encapsulated: res-hdr=0\r\n`) : text,
  },
  'preview.zero': when('Preview: 0', 'ignore'),
  'preview.larger-body': when('Preview: 1024', { answer: withBody('200 OK') }),
  'preview.exact': when('Preview: 1024', 'ignore'),
  'preview.fewer-bytes': when('Preview: 1024', { answer: withBody('200 OK') }),
  'preview.ieof': when('0; ieof', { answer: CONTINUE }),
  'preview.empty-body': when('0; ieof', { answer: CONTINUE }),
  'preview.null-body': when(/Preview: [^]*null-body/, 'ignore'),
  'preview.no-204-after-100': preview(CONTINUE, NO_CONTENT),
  'preview.one-continue': preview(CONTINUE + CONTINUE, withBody('200 OK')),
  'preview.several-chunks': preview(CONTINUE, withBody('200 OK')),
  'preview.with-204': preview(CONTINUE, withBody('200 OK')),
  'partial.not-unasked': when('Content-Type: text/html', { answer: PARTIAL }),
  'partial.in-preview': in206(when('Allow: 206', { answer: BEYOND })),
  'partial.not-outside-preview': in206(when('Allow: 206', { answer: PARTIAL })),
  'partial.outside-preview': in206(when('text/html', { answer: BEYOND })),
  'partial.drained': in206(undrained(PARTIAL, /text\/html/)),
  'partial.null-body': in206(when(/Allow: 204, 206\r\n[^]*null-body=[^0]/, { answer: PARTIAL })),
  'chunks.upper-case': when('\r\nA\r\n', bad(400)),
  'chunks.leading-zeros': when('000A', bad(400)),
  'chunks.extension': when('a;doctor=1', 'close'),
  'chunks.extension-quoted': when('a; doctor="x;y"', 'close'),
  'chunks.last-extension': when('0;doctor=1', 'close'),
  'chunks.many-small': when('\r\n1\r\n0\r\n', { answer: withBody('200 OK') }),
  'chunks.one-large': when('\r\nc000\r\n', bad(400)),
  'chunks.empty-body': when(/res-body[^]*\r\n\r\n0\r\n\r\n$/, bad(400)),
  'trailers.http-accepted': when('X-Doctor-Trailer', 'close'),
  'trailers.icap-not-unasked': {
    onAnswer: (text) => (text.includes('res-body') ? text.replace(TAG, `${TAG}Trailer: X-A\r\n`) : text),
  },
  'trailers.icap-offered': when('Allow: trailers', bad(500)),
  'trailers.icap-announced': {
    onAnswer: (text) => (text.includes('res-body') ? text.replace(TAG, `${TAG}Trailer: X-A\r\n`) : text),
  },
  'grammar.field-case': when('ENCAPSULATED:', bad(400)),
  'grammar.unknown-fields': when('Doctor-Field', bad(400)),
  'grammar.empty-value': when('X-Client-IP:\r\n', bad(400)),
  'grammar.encapsulated-no-blank': when('req-hdr=0,res-hdr', bad(400)),
  'grammar.status-line': changed('ICAP/1.0 ', 'ICAP/1.1 '),
  'grammar.encapsulated': changed(TAG, `${TAG}Transfer-Encoding: chunked\r\n`),
  'grammar.offsets': changed(/res-body=(\d+)/, 'res-body=5'),
  'grammar.chunks': changed('\r\n4f\r\n', '\r\n4f;x=1\r\n'),
  'uri.query': when('?doctor=1', bad(404)),
  'persistence.in-step': { closeAfter: /^ICAP\/1\.0 200[^]*res-hdr/ },
  'persistence.one-answer': { onAnswer: (text) => (text.includes(' 204 ') ? text + NO_CONTENT : text) },
  'persistence.after-preview': when('Preview: 1024', { answer: NO_CONTENT + NO_CONTENT }),
  'persistence.early-answer': undrained(NO_CONTENT, /Content-Length: 8192/),
  'errors.not-found-body': { closeAfter: / 404 / },
  'errors.close-announced': { closeAfter: / 404 / },
  'errors.unknown-method': when('FILEMOD', bad(400)),
  'verdict.in-step': { closeAfter: /403 Forbidden/ },
  'load.own-content': changed(/client-1-of/g, 'client-2-of'),
};

const musts = CHECKS.filter((check) => check.level === 'must');
const reachable = musts.filter(({ id }) => id !== 'connection.accepts').map(({ id }) => id);

test('there is a fault for every check of level must', () => {
  expect(Object.keys(FAULTS).sort()).toEqual([...reachable].sort());
});

// Several at a time: most of them wait.
test.concurrent.each(reachable)(
  '%s fails for a server that breaks the rule, and says what it means',
  async (id) => {
    const report = await examineFaulty(FAULTS[id]!, [id], { readTimeoutMs: 1200 });
    const [check] = report.checks;
    expect({ status: check!.status, saw: check!.saw }).toEqual({ status: 'fail', saw: expect.any(String) });
    expect(check!.means).toBe(CHECKS.find((it) => it.id === id)!.means);
    expect(report.summary.ok).toBe(false);
  },
);

test.concurrent.each(reachable)('%s does not fail for a server that keeps the rule', async (id) => {
  const report = await examineFaulty({}, [id]);
  expect(report.checks.filter(({ status }) => status === 'fail' || status === 'warn')).toEqual([]);
});

test('connection.accepts fails where nobody listens, and nothing else is tried', async () => {
  const report = await examine(examination(await freePort(), '/scan', []));
  const { summary, checks } = report;
  expect(checks.filter(({ status }) => status === 'fail').map(({ id }) => id)).toEqual([
    'connection.accepts',
  ]);
  expect(checks[0]!.saw).toMatch(/connection refused/);
  expect(summary).toMatchObject({ reached: false, ok: false, connections: 0, bytesSent: 0 });
});
