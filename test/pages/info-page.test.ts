import { describe, expect, test } from '@jest/globals';
import { infoPage, type InfoPageInput } from '../../src/pages/index.ts';

const INPUT: InfoPageInput = {
  version: '0.1.0',
  services: [
    { path: '/sandblast', methods: ['REQMOD', 'RESPMOD'], profile: 'optimized', istag: '"W-1"' },
    { path: '/echo', methods: ['REQMOD', 'RESPMOD'], istag: '"W-2"' },
  ],
  blades: [{ name: 'antivirus', fingerprint: 'rules-5d1c' }],
  startedAt: new Date('2026-07-30T14:03:22Z'),
  counters: { transactions: 128402, blocked: 17 },
};

describe('infoPage', () => {
  test.each(['html', 'text'] as const)('lists services, blades and counters as %s', (form) => {
    const page = infoPage(INPUT, form);
    expect([page.status, page.reason]).toEqual([200, 'OK']);
    const body = page.body.toString();
    for (const fact of [
      '0.1.0',
      '2026-07-30 14:03:22 UTC',
      '/sandblast',
      'REQMOD, RESPMOD',
      'optimized',
      '/echo',
    ]) {
      expect(body).toContain(fact);
    }
    for (const fact of ['antivirus', 'rules-5d1c', 'transactions', '128,402', '17'])
      expect(body).toContain(fact);
  });

  test('gives programs numbers as numbers and an absent profile as null', () => {
    expect(JSON.parse(infoPage(INPUT, 'json').body.toString())).toEqual({
      product: 'Weir',
      version: '0.1.0',
      startedAt: '2026-07-30T14:03:22.000Z',
      services: [
        { path: '/sandblast', methods: ['REQMOD', 'RESPMOD'], profile: 'optimized', istag: '"W-1"' },
        { path: '/echo', methods: ['REQMOD', 'RESPMOD'], profile: null, istag: '"W-2"' },
      ],
      blades: [{ name: 'antivirus', fingerprint: 'rules-5d1c' }],
      counters: { transactions: 128402, blocked: 17 },
    });
  });

  test('shows the worker processes where there are some, with memory for people and for programs', () => {
    const process = {
      ...{ pid: 4711, phase: 'serving', generation: 2, startedAt: new Date('2026-07-30T14:03:22Z') },
      ...{ connections: 5, busy: 3, free: 7, memoryBytes: 105 * 1024 * 1024 },
    };
    const input = { ...INPUT, processes: [process] };
    for (const form of ['html', 'text'] as const) {
      const body = infoPage(input, form).body.toString();
      for (const fact of ['Processes', '4711', 'serving', '105 MiB']) expect(body).toContain(fact);
    }
    const shown = JSON.parse(infoPage(input, 'json').body.toString()) as { processes: unknown };
    expect(shown.processes).toEqual([{ ...process, startedAt: '2026-07-30T14:03:22.000Z' }]);
    expect(infoPage(INPUT, 'html').body.toString()).not.toContain('Processes');
  });

  test('says what it means when nothing is there', () => {
    const body = infoPage({ ...INPUT, services: [], blades: [], counters: {} }, 'html').body.toString();
    expect(body).toContain('No service is configured.');
    expect(body).toContain('everything is answered “not modified”');
    expect(body).not.toContain('<table>');
  });

  test('reports no incident', () => {
    expect(infoPage(INPUT, 'html').headers).not.toContain('X-Weir-Incident');
  });
});
