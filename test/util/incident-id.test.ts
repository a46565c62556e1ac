import { describe, expect, test } from '@jest/globals';
import { INCIDENT_ID, newIncidentId } from '../../src/util/incident-id.ts';

describe('newIncidentId', () => {
  test('has 15 unambiguous characters', () => {
    for (let n = 0; n < 1000; n++) {
      const id = newIncidentId();
      expect(id).toMatch(INCIDENT_ID);
      expect(id).toHaveLength(15);
    }
  });

  test('never repeats and always rises, also within a millisecond', () => {
    const ids = Array.from({ length: 50_000 }, () => newIncidentId());
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
  });

  test('sorts by time as text, through the carry of a character', () => {
    const base = Date.UTC(2030, 0, 1);
    const ids = [0, 1, 31, 32, 1023, 1024, 1_000_000, 40_000_000_000].map((ms) => newIncidentId(base + ms));
    expect([...ids].sort()).toEqual(ids);
  });

  test('tells two ids of neighbouring milliseconds apart by their time part alone', () => {
    const at = Date.UTC(2031, 0, 1);
    expect(newIncidentId(at).slice(0, 11)).not.toBe(newIncidentId(at + 1).slice(0, 11));
  });

  test('keeps rising when more ids are asked for in one millisecond than its random part can count', () => {
    const at = Date.UTC(2032, 0, 1);
    let previous = newIncidentId(at);
    let falls = 0;
    for (let n = 0; n < 2 ** 20 + 10; n++) {
      const id = newIncidentId(at);
      if (id <= previous) falls++;
      previous = id;
    }
    expect(falls).toBe(0);
    expect(previous).toMatch(INCIDENT_ID);
  });

  test('keeps rising when the clock is set back a little, and follows it when it is set back far', () => {
    const at = Date.UTC(2033, 0, 1);
    const before = newIncidentId(at);
    expect(newIncidentId(at - 1000) > before).toBe(true);
    expect(newIncidentId(at - 3_600_000) < before).toBe(true);
  });

  test('does not show which ids come next millisecond: the random part changes', () => {
    const at = Date.UTC(2034, 0, 1);
    const tails = new Set(Array.from({ length: 64 }, (_, n) => newIncidentId(at + n).slice(11)));
    expect(tails.size).toBeGreaterThan(55);
  });
});
