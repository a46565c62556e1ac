import { describe, expect, test } from '@jest/globals';
import { nearest } from '../../src/util/nearest.ts';

const KEYS = ['listen', 'certs', 'tls', 'upstream', 'targets', 'maxConnections'];

describe('nearest', () => {
  test.each([
    ['lisen', 'listen'],
    ['listne', 'listen'],
    ['LISTEN', 'listen'],
    ['tsl', 'tls'],
    ['upsteram', 'upstream'],
    ['max', 'maxConnections'],
    ['maxConnectionsLimit', 'maxConnections'],
  ])('takes %s for %s', (word, known) => {
    expect(nearest(word, KEYS)).toBe(known);
  });

  test('finds nothing for a word that is not close to any', () => {
    expect(nearest('zebra', KEYS)).toBeNull();
    expect(nearest('', KEYS)).toBeNull();
    expect(nearest('listen', [])).toBeNull();
    expect(nearest('q', ['p'])).toBeNull();
  });

  test('prefers a typing mistake to a common beginning', () => {
    expect(nearest('hosts', ['hostsAndNetworks', 'host'])).toBe('host');
  });

  test('takes the first of two that are equally near', () => {
    expect(nearest('cat', ['car', 'cap'])).toBe('car');
  });

  test('compares no more than a bounded part of a very long word', () => {
    const started = performance.now();
    expect(nearest('x'.repeat(1_000_000), KEYS)).toBeNull();
    expect(performance.now() - started).toBeLessThan(500);
  });
});
