import { describe, expect, test } from '@jest/globals';
import { foldedNames, foldedParent } from '../../src/ca/folding.ts';

describe('a name', () => {
  test.each([
    ['www.example.com', 'example.com'],
    ['example.com', 'example.com'],
    ['a.b.example.com', 'b.example.com'],
    ['b.example.com', 'example.com'],
    ['www.example.co.uk', 'example.co.uk'],
    ['xn--bcher-kva.example.com', 'example.com'],
    ['a.site.github.io', 'site.github.io'],
    ['intranet.corp', 'intranet.corp'],
    ['www.intranet.corp', 'intranet.corp'],
  ])('%s shares the leaf of %s', (name, parent) => {
    expect(foldedParent(name)).toBe(parent);
  });

  // `site.github.io` is registrable itself: its leaf covers what is below it, never its neighbours.
  test.each([['site.github.io', ['site.github.io', '*.site.github.io']]])(
    '%s has a leaf for %j',
    (name, names) => {
      expect(foldedNames(foldedParent(name)!)).toEqual(names);
    },
  );

  test.each([
    ['a registry', 'co.uk'],
    ['a top-level domain', 'com'],
    ['a registry of the private section', 'github.io'],
    ['a registry by a wildcard rule', 'anything.kawasaki.jp'],
    ['a single label', 'localhost'],
    ['an IPv4 address', '192.0.2.1'],
    ['an IPv6 address', '2001:db8::1'],
    ['a label that wildcards do not cover', 'a_b.example.com'],
    ['a wildcard', '*.example.com'],
  ])('that is %s has a leaf of its own', (_, name) => {
    expect(foldedParent(name)).toBeNull();
  });
});
