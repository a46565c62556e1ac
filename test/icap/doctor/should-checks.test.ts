// Every check of level should can warn: one server for each that differs in this, and the report says so
// without failing.

import { createServer } from 'node:tls';
import { describe, expect, test } from '@jest/globals';
import { CHECKS } from '../../../src/icap/doctor/catalogue.ts';
import { examine } from '../../../src/icap/doctor/examine.ts';
import { parseIcapUrl } from '../../../src/icap/probe/wire-client.ts';
import { testCa } from '../../support/testCa.ts';
import { bad, changed, in206, NO_CONTENT, TAG, when, withBody } from './faults.ts';
import { examination, examineFaulty, type Fault, type Reaction } from './faulty.ts';

const OK: Reaction = {
  answer: `ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\n${TAG}Encapsulated: null-body=0\r\n\r\n`,
};
const PASSED: Reaction = { answer: NO_CONTENT };
const ALTERED: Reaction = { answer: withBody('200 OK') };
const SHORT_206 =
  `ICAP/1.0 206 Partial Content\r\n${TAG}Encapsulated: res-hdr=0, res-body=38\r\n\r\n` +
  `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n0; use-original-body=0\r\n\r\n`;
const BLOCKED: Reaction = {
  answer:
    `ICAP/1.0 200 OK\r\n${TAG}Encapsulated: res-hdr=0, null-body=45\r\n\r\n` +
    `HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n`,
};

/** Says nothing more to anybody once this was seen. */
function deafAfter(pattern: RegExp): Fault {
  let deaf = false;
  return {
    onRequest(text) {
      deaf ||= pattern.test(text);
      return deaf ? 'ignore' : undefined;
    },
  };
}

let tags = 0;

const FAULTS: Readonly<Record<string, Fault>> = {
  'connection.silent-first': { greeting: 'ICAP ready\r\n' },
  'connection.close-honoured': when('Connection: close', OK),
  'connection.half-close': { needsBothSides: true },
  'connection.client-gone': deafAfter(/^RESPMOD[^]*[a-z ]$/),
  'options.ttl': changed(/^Options-TTL: .*\r\n/m, ''),
  'options.date': changed(/^Date: .*$/m, 'Date: Mon, 05 Jan 2015 12:00:00 GMT'),
  'options.max-connections': changed('Max-Connections: 100', 'Max-Connections: many'),
  'options.preview': changed('\r\nPreview: 1024', '\r\nPreview: 99999999'),
  'options.allow-204': changed(/^Allow: .*\r\n/m, ''),
  'options.allow-unasked': in206({}),
  'options.transfer-lists': changed('Transfer-Preview: *', 'Transfer-Preview: *, .exe'),
  'options.include': changed('Options-TTL', 'X-Include: Host\r\nOptions-TTL'),
  'istag.quoted': changed('"G1"', 'G1'),
  'istag.stable': { onAnswer: (text) => text.replace('"G1"', `"G${tags++}"`) },
  'istag.same': { onAnswer: (text) => (text.includes('Methods:') ? text : text.replace('"G1"', '"G2"')) },
  'echo.field-order': changed('Set-Cookie: second=2', 'Set-Cookie: second=3'),
  'echo.via': changed('Via: ICAP/1.0', 'Via: HTTP/1.1'),
  'echo.without-request': when(/^RESPMOD[^]*Encapsulated: res-hdr/, bad(400)),
  'no-content.when-allowed': when('Allow: 204\r\n', ALTERED),
  'no-content.null-body': when(/Allow: 204\r\n[^]*null-body/, ALTERED),
  'no-content.two-fields': when('Allow: x-doctor\r\n', ALTERED),
  'no-content.whole-word': when('Allow: 12040', PASSED),
  'preview.ieof-no-blank': when('0;ieof', bad(408)),
  'preview.ieof-case': when('0; IEOF', bad(408)),
  'preview.bare-continue': changed(
    ' 100 Continue\r\n',
    ' 100 Continue\r\nEncapsulated: res-hdr=0, res-body=9\r\n',
  ),
  'preview.too-long': when('Preview: 4\r\n', 'ignore'),
  'partial.content-length': in206(when('text/html', { answer: SHORT_206 })),
  'trailers.http-returned': changed('X-Doctor-Trailer: kept\r\n', ''),
  'grammar.leading-crlf': when(/^\r\n/, bad(400)),
  'grammar.bare-lf': when(/^[^\r]*$/, 'ignore'),
  'grammar.folded-field': when('\r\n  second', bad(400)),
  'grammar.content-length': when('Content-Length: 1\r\n', bad(400)),
  'grammar.identity-fields': when('X-Authenticated-User', bad(400)),
  'grammar.encapsulated-case': when('Req-Hdr', bad(400)),
  'grammar.line-ends': changed(TAG, 'ISTag: "G1"\n'),
  'grammar.encapsulated-lower-case': changed('res-hdr=', 'Res-Hdr='),
  'uri.other-host': when('icap.doctor.example', bad(404)),
  'uri.no-port': when(' icap://127.0.0.1/', bad(404)),
  'uri.empty-port': when(' icap://127.0.0.1:/', bad(404)),
  'uri.scheme-case': when('ICAP://', bad(404)),
  'uri.userinfo': when('doctor@', bad(404)),
  'uri.ipv6-host': when('[2001:db8::1]', bad(404)),
  'persistence.options': { closeAfter: /Methods:/ },
  'persistence.messages': { closeAfter: / 204 / },
  'persistence.pipelined': when(/OPTIONS[^]*OPTIONS/, OK),
  'errors.not-found': when('doctor-no-such-service', OK),
  'errors.method-of-service': changed('Methods: REQMOD, RESPMOD', 'Methods: RESPMOD'),
  'errors.method-case': when(/^options/, OK),
  'errors.version': when('ICAP/2.0', OK),
  'errors.protocol': when(/^OPTIONS \S+ HTTP/, OK),
  'errors.request-line': when('HELLO', 'ignore'),
  'errors.relative-uri': when('OPTIONS /', OK),
  'errors.no-encapsulated': when(/^RESPMOD(?![^]*Encapsulated)/, PASSED),
  'errors.no-part-to-adapt': when(/^RESPMOD[^]*req-hdr=0, null-body/, PASSED),
  'errors.headers-missing': when('Encapsulated: res-body=0', 'ignore'),
  'errors.wrong-direction': when(/^RESPMOD[^]*req-body/, PASSED),
  'errors.parts-out-of-order': when('res-body=0, res-hdr', PASSED),
  'errors.unknown-part': when('foo-hdr', PASSED),
  'errors.preview-value': when('Preview: many', PASSED),
  'errors.offset-behind-header': when(/x{64}/, PASSED),
  'errors.offset-into-header': when('res-hdr=0, null-body', PASSED),
  'errors.chunk-size': when('zz\r\n', PASSED),
  'verdict.clean': when('Content-Length: 2048', BLOCKED),
  'verdict.eicar-gzip': {},
  'verdict.eicar-zip': {},
  'verdict.eicar-preview': when('Preview: 0', PASSED),
  'verdict.eicar-ieof': when('ieof', PASSED),
  'verdict.eicar-no-204': when(/^RESPMOD(?![^]*Allow)[^]*EICAR/, PASSED),
  'verdict.upload': when(/^REQMOD[^]*EICAR/, PASSED),
  'verdict.status': changed('403 Forbidden', '200 Forbidden'),
  'verdict.no-store': changed('no-store', 'public  '),
  'verdict.page-body': changed('Content-Length: 14', 'Content-Length: 15'),
  'verdict.threat-named': changed(/^X-Infection-Found: .*\r\n/m, ''),
  'verdict.infection-grammar': changed('Resolution=2', 'Resolution=9'),
  'limits.icap-header': when('X-Doctor-6: aaaa', bad(400)),
  'limits.icap-fields': when('X-Doctor-45: 45', bad(400)),
  'limits.http-header': when(/a{4080}/, bad(400)),
  'limits.url': when(/a{4000} HTTP/, bad(400)),
  'limits.header-too-large': deafAfter(/X-Doctor-0: a{4080}/),
  'limits.endless-line': deafAfter(/^OPTIONS .*a{5000}/),
  'limits.chunk-line': deafAfter(/a;a{5000}/),
  'limits.preview': when('Preview: 1024', bad(400)),
  'load.at-once': when('client-3-of', 'ignore'),
  'load.max-connections': when('client-50-of', 'ignore'),
};

/** Rules that the sound server here does not keep either, or for which it is not asked. */
const NOT_KEPT = ['verdict.eicar-gzip', 'verdict.eicar-zip'];

const ids = CHECKS.filter(({ level, id }) => level === 'should' && id !== 'connection.tls').map(
  ({ id }) => id,
);

test('there is a fault for every check of level should', () => {
  expect(Object.keys(FAULTS).sort()).toEqual([...ids].sort());
});

// Most of them wait for an answer that never comes, so several go at a time.
test.concurrent.each(ids)('%s warns for a server that differs, and fails nothing', async (id) => {
  const report = await examineFaulty(FAULTS[id]!, [id], { readTimeoutMs: 1000, intrusive: true });
  expect(report.checks.map(({ status }) => status)).toEqual(['warn']);
  expect(report.checks[0]!.means).toBe(CHECKS.find((check) => check.id === id)!.means);
  expect(report.summary.ok).toBe(true);
});

const kept = ids.filter((id) => !NOT_KEPT.includes(id));
test.concurrent.each(kept)('%s does not warn for a server that is as it should be', async (id) => {
  const report = await examineFaulty({}, [id], { intrusive: true });
  expect(report.checks.filter(({ status }) => status === 'fail' || status === 'warn')).toEqual([]);
});

describe('connection.tls', () => {
  const behindTls = async (names: readonly string[], tls: { ca?: string; insecure?: boolean }) => {
    const ca = await testCa();
    const { key, cert } = await ca.issue(names, { days: 60 });
    const server = createServer({ key, cert }, (socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as { port: number };
      const target = parseIcapUrl(`icaps://127.0.0.1:${port}/scan`);
      const options = examination(port, '/scan', ['connection.tls'], { readTimeoutMs: 300 });
      return (await examine({ ...options, target, tls })).checks[0]!;
    } finally {
      server.close();
    }
  };

  test('passes for a certificate that the given CA vouches for', async () => {
    const { cert } = await testCa();
    const check = await behindTls(['127.0.0.1'], { ca: cert });
    expect(check).toMatchObject({
      status: 'pass',
      saw: expect.stringMatching(/^TLSv1\.3, certificate valid for 59/),
    });
  });

  test('warns where nobody vouches for the certificate, also when any is accepted', async () => {
    const check = await behindTls(['127.0.0.1'], { insecure: true });
    expect(check).toMatchObject({ status: 'warn', saw: expect.stringMatching(/not verified/) });
  });

  test('warns where the certificate is for another name', async () => {
    const { cert } = await testCa();
    const check = await behindTls(['other.test'], { ca: cert });
    expect(check).toMatchObject({ status: 'warn', saw: expect.stringMatching(/not verified/) });
  });
});
