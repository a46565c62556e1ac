import { describe, expect, test } from '@jest/globals';
import { clientKind, isScript, mayGoAhead, waitOf, wayFor } from '../../../src/proxy/patience/manner.ts';
import type { PatienceSettings } from '../../../src/proxy/patience/settings.ts';
import { agentMatcher } from '../../../src/proxy/patience/settings.ts';
import { DEFAULT_SPOOL } from '../../../src/http/spool.ts';

const HTML = 'text/html,application/xhtml+xml,*/*;q=0.8';
const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537.36';
const isProgram = agentMatcher(['curl/*', 'Java/*']);

const settings = (more: Partial<PatienceSettings> = {}): PatienceSettings => ({
  ...{ afterMs: 3000, browser: 'page', program: 'trickle', rateBytes: 1024, tailBytes: 64, isProgram },
  ...{ ticketMs: 60_000, files: 10, spool: DEFAULT_SPOOL },
  ...more,
});

/** Fields as they are in use, by who sends them. */
const CLIENTS = {
  'Chrome opens a page or a download over https': {
    kind: 'navigation',
    headers: [
      'User-Agent',
      CHROME,
      'Accept',
      HTML,
      'Sec-Fetch-Mode',
      'navigate',
      'Sec-Fetch-Dest',
      'document',
    ],
  },
  'Chrome opens a page over http': {
    kind: 'navigation',
    headers: ['User-Agent', CHROME, 'Accept', HTML, 'Upgrade-Insecure-Requests', '1'],
  },
  'a text browser': {
    kind: 'navigation',
    headers: ['User-Agent', 'w3m/0.5.3', 'accept', 'text/html, text/*;q=0.5'],
  },
  'Chrome loads a frame': {
    kind: 'part',
    headers: ['User-Agent', CHROME, 'Accept', HTML, 'Sec-Fetch-Mode', 'navigate', 'Sec-Fetch-Dest', 'iframe'],
  },
  'Chrome saves what a link with `download` leads to': {
    kind: 'part',
    headers: ['User-Agent', CHROME, 'Sec-Fetch-Mode', 'navigate', 'Sec-Fetch-Dest', 'empty'],
  },
  'Chrome loads a picture': {
    kind: 'part',
    headers: ['User-Agent', CHROME, 'Accept', 'image/avif,image/webp,*/*;q=0.8', 'Sec-Fetch-Dest', 'image'],
  },
  'Chrome loads a script over http': { kind: 'part', headers: ['User-Agent', CHROME, 'Accept', '*/*'] },
  'a script of a page asks for HTML over https': {
    kind: 'part',
    headers: ['User-Agent', CHROME, 'Accept', HTML, 'Sec-Fetch-Dest', 'empty'],
  },
  'a script of a page asks for HTML over http': {
    kind: 'part',
    headers: ['User-Agent', CHROME, 'Accept', HTML, 'X-Requested-With', 'XMLHttpRequest'],
  },
  'Chrome loads a page that nobody has opened yet': {
    kind: 'part',
    headers: ['User-Agent', CHROME, 'Accept', HTML, 'Sec-Purpose', 'prefetch', 'Sec-Fetch-Dest', 'document'],
  },
  curl: { kind: 'program', headers: ['User-Agent', 'curl/8.14.1', 'Accept', '*/*'] },
  'curl that asks for HTML': { kind: 'program', headers: ['User-Agent', 'curl/8.14.1', 'Accept', HTML] },
  'a Java program': {
    kind: 'program',
    headers: ['User-Agent', 'Java/21', 'Accept', 'text/html, image/gif, */*; q=.2'],
  },
  apt: { kind: 'program', headers: ['User-Agent', 'Debian APT-HTTP/1.3 (3.0.3)'] },
  npm: { kind: 'program', headers: ['user-agent', 'npm/11.6.0 node/v24', 'accept', '*/*'] },
  docker: {
    kind: 'program',
    headers: ['User-Agent', 'docker/28.3', 'Accept', 'application/vnd.oci.image.index.v1+json'],
  },
  'nobody in particular': { kind: 'program', headers: [] },
} as const;

describe('who asks', () => {
  test.each(Object.entries(CLIENTS))('%s', (_, { headers, kind }) => {
    expect(clientKind([...headers], isProgram)).toBe(kind);
  });
});

describe('what they get', () => {
  const way = (
    client: keyof typeof CLIENTS,
    more: Partial<PatienceSettings> = {},
    method = 'GET',
    fields: string[] = [],
  ) =>
    wayFor(
      { method, target: '/', version: '1.1', headers: [...CLIENTS[client].headers, ...fields] },
      settings(more),
    );

  test('a page only where somebody opens the address', () => {
    expect(way('Chrome opens a page or a download over https')).toBe('page');
    expect(way('Chrome loads a picture')).toBe('trickle');
    expect(way('Chrome loads a frame')).toBe('trickle');
    expect(way('curl')).toBe('trickle');
  });

  test('a page and a ticket only for GET, which can be asked again', () => {
    expect(way('Chrome opens a page or a download over https', {}, 'POST')).toBe('trickle');
    expect(way('curl', { program: 'accepted' }, 'POST')).toBe('trickle');
    expect(way('curl', { program: 'accepted' })).toBe('accepted');
    expect(way('curl', {}, 'POST', ['Prefer', 'respond-async'])).toBe('trickle');
  });

  test('what the configuration says of browsers and programs', () => {
    expect(way('Chrome opens a page over http', { browser: 'wait' })).toBe('wait');
    expect(way('Chrome opens a page over http', { browser: 'trickle' })).toBe('trickle');
    expect(way('Chrome loads a picture', { browser: 'wait', program: 'trickle' })).toBe('wait');
    expect(way('apt', { program: 'wait' })).toBe('wait');
  });

  test('a part of an object is waited for', () => {
    expect(way('apt', {}, 'GET', ['Range', 'bytes=100-'])).toBe('wait');
  });

  test('`Prefer: respond-async` is always answered with 202, after the time that it says', () => {
    const headers = ['prefer', 'handling=lenient, respond-async; x=1', 'Prefer', 'wait=10'];
    expect(way('curl', { program: 'wait' }, 'GET', headers)).toBe('accepted');
    expect(waitOf(headers, 3000)).toBe(10_000);
    expect(waitOf(['Prefer', 'respond-async'], 3000)).toBe(3000);
    expect(waitOf(['Prefer', 'respond-async, wait=999999999'], 3000)).toBe(3_600_000);
    expect(waitOf(['Prefer', 'wait=10'], 3000)).toBe(3000);
    expect(way('curl', {}, 'GET', ['Prefer', 'no-respond-async'])).toBe('trickle');
  });
});

describe('content that may go ahead of its verdict', () => {
  test.each([
    ...['application/octet-stream', 'application/zip', 'application/vnd.debian.binary-package', 'image/png'],
    ...['application/gzip', 'video/mp4', 'application/x-iso9660-image', 'application/jsonp-archive'],
  ])('%s does', (type) => expect(mayGoAhead(['Content-Type', type])).toBe(true));

  test.each([
    ...['text/html; charset=utf-8', 'TEXT/HTML', 'application/xhtml+xml', 'text/javascript', 'text/plain'],
    ...['application/javascript', 'application/x-javascript', 'image/svg+xml', 'application/pdf', 'text/css'],
    ...['application/ld+json', 'application/json', 'application/wasm', 'text/event-stream', ''],
    ...[
      'multipart/x-mixed-replace; boundary=x',
      'application/x-sh',
      'application/x-shellscript',
      'message/http',
    ],
  ])('%s does not: its reader may act on the first bytes', (type) =>
    expect(mayGoAhead(['Content-Type', type])).toBe(false),
  );

  test('without a type it does not: readers guess by the first bytes', () => {
    expect(mayGoAhead([])).toBe(false);
  });

  test('a script is known by its first bytes under any type', () => {
    expect(isScript(Buffer.from('#!/bin/sh\n'))).toBe(true);
    expect(isScript(Buffer.from('PK\u0003\u0004'))).toBe(false);
    expect(isScript(Buffer.from('#'))).toBe(false);
  });
});

describe('patterns of User-Agents', () => {
  test.each([
    ['curl/8.14', true],
    ['CURL/8', true],
    ['xcurl/8', false],
    ['a+b (c)', true],
    ['aab (c)', false],
    ['anything-bot/2 here', true],
    ['', false],
  ])('%j: %j', (agent, fits) => {
    expect(agentMatcher(['curl/*', 'a+b (c)', '*-bot/* here'])(agent)).toBe(fits);
  });

  test('no pattern fits nothing', () => expect(agentMatcher([])('curl/8')).toBe(false));
});
