import { describe, expect, test } from '@jest/globals';
import { escapeHtml, fieldText, hostOf, html, shown, shownUrl } from '../../src/pages/escape.ts';

describe('html', () => {
  test('escapes strings and numbers, and keeps markup that it made', () => {
    const inner = html`<b>${'<i>'}</b>`;
    expect(html`<p title="${`"'\`&`}">${inner}${[inner, inner]}${7}</p>`.markup).toBe(
      '<p title="&quot;&#39;&#96;&amp;"><b>&lt;i&gt;</b><b>&lt;i&gt;</b><b>&lt;i&gt;</b>7</p>',
    );
  });

  test('leaves nothing that starts or ends a tag, an attribute or an entity', () => {
    expect(escapeHtml('<script>&"\'`')).toBe('&lt;script&gt;&amp;&quot;&#39;&#96;');
  });
});

describe('shown', () => {
  test.each([
    ['line ends', 'a\r\nb', 'a\\x0d\\x0ab'],
    ['NUL and escape', '\u0000\u001b[31m', '\\x00\\x1b[31m'],
    ['C1 controls', '\u0085', '\\x85'],
    ['a bidi override', 'invoice\u202efdp.exe', 'invoice\\u202efdp.exe'],
    ['bidi isolates and marks', '\u2066\u2069\u200f\u061c', '\\u2066\\u2069\\u200f\\u061c'],
    ['zero-width characters', 'pay\u200bpal\ufeff', 'pay\\u200bpal\\ufeff'],
    ['line and paragraph separators', '\u2028\u2029', '\\u2028\\u2029'],
    ['tag characters', '\u{e0041}', '\\u{e0041}'],
    ['a lone surrogate', 'a\ud800b', 'a\\ud800b'],
  ])('writes %s visibly', (_what, text, expected) => {
    expect(shown(text, 100)).toBe(expected);
  });

  test('keeps letters of any script and emoji', () => {
    expect(shown('Größe 文書 مستند 🦠', 100)).toBe('Größe 文書 مستند 🦠');
  });

  test('cuts at its limit, and never through a character', () => {
    expect(shown('a'.repeat(10), 10)).toBe('a'.repeat(10));
    expect(shown('a'.repeat(11), 10)).toBe(`${'a'.repeat(10)}…`);
    expect(shown('aaaa🦠', 5)).toBe('aaaa…');
  });
});

describe('shownUrl', () => {
  test('cuts at 200 characters', () => {
    expect(shownUrl(`https://a.example/${'x'.repeat(5000)}`)).toHaveLength(201);
  });

  test('drops user name and password, which could be a secret or pose as a host', () => {
    expect(shownUrl('https://www.bank.example:pw@evil.example/@x')).toBe('https://evil.example/@x');
    expect(shownUrl('https://a.example/?next=user@b.example')).toBe('https://a.example/?next=user@b.example');
  });
});

describe('hostOf', () => {
  test('gives the host of web addresses, look-alikes as punycode', () => {
    expect(hostOf('https://user@Example.COM:8443/x')).toBe('example.com:8443');
    expect(hostOf('https://раypal.com/')).toMatch(/^xn--/);
    expect(hostOf('http://[::1]:80/')).toBe('[::1]');
  });

  test.each(['', 'javascript:alert(1)', 'data:text/html,x', 'example.com:443', 'http://', 'http://a b/'])(
    'gives null for %j',
    (url) => {
      expect(hostOf(url)).toBeNull();
    },
  );
});

describe('fieldText', () => {
  test('can neither end a field nor leave ASCII', () => {
    expect(fieldText('a\r\nSet-Cookie: x=é')).toBe('a??Set-Cookie: x=?');
    expect(fieldText('x'.repeat(200))).toHaveLength(100);
  });
});
