// How an examination goes on when a server does not: it stays bounded, polite and truthful, and whatever
// it stores is no danger itself.

import { connect, createServer } from 'node:net';
import { expect, test } from '@jest/globals';
import { examine } from '../../../src/icap/doctor/examine.ts';
import { eicar } from '../../../src/icap/doctor/samples.ts';
import type { DoctorReport } from '../../../src/icap/doctor/types.ts';
import { startLab, UNMODIFIED } from '../server/lab.ts';
import { examination, examineFaulty, SCANNER } from './faulty.ts';

const statusesOf = ({ checks }: DoctorReport): Record<string, string> =>
  Object.fromEntries(checks.map(({ id, status }) => [id, status]));

test.concurrent(
  'a server that dies in a check gets that finding, and the rest is skipped with the reason',
  async () => {
    let dead = false;
    const report = await examineFaulty(
      {
        onRequest(text) {
          dead ||= text.includes('0;doctor=1');
          return dead ? 'close' : undefined;
        },
      },
      ['chunks', 'trailers'],
    );
    const { checks } = report;
    const at = checks.findIndex(({ id }) => id === 'chunks.last-extension');
    expect(checks[at]).toMatchObject({ status: 'fail', saw: expect.stringMatching(/answers nobody$/) });
    expect(checks.slice(0, at).every(({ status }) => status === 'pass')).toBe(true);
    expect(checks.slice(at + 1).map(({ status, saw }) => `${status}: ${saw}`)).toEqual(
      checks.slice(at + 1).map(() => 'skip: the server answers nobody since chunks.last-extension'),
    );
  },
);

test.concurrent('a server that hangs in one check is examined to the end', async () => {
  const report = await examineFaulty(
    { onRequest: (text) => (text.includes('000A') ? 'ignore' : undefined) },
    ['chunks'],
    {
      readTimeoutMs: 700,
    },
  );
  const { 'chunks.leading-zeros': hung, ...others } = statusesOf(report);
  expect(hung).toBe('fail');
  expect(new Set(Object.values(others))).toEqual(new Set(['pass']));
});

test.concurrent('a server that sends without end is stopped by the bound on bytes', async () => {
  const flood = 'x'.repeat(60_000);
  const report = await examineFaulty(
    {
      onAnswer: (text) =>
        text.includes(' 204 ') ? `${text.replace('\r\n\r\n', '\r\n')}X-A: ${flood}` : text,
    },
    ['no-content.bare'],
    { readTimeoutMs: 700, maxBytes: 10_000 },
  );
  expect(report.checks[0]!.status).toBe('fail');
});

test.concurrent('a check that comes to no end is given up after its own deadline', async () => {
  // One byte at a time is never silence.
  await using lab = await startLab({ '/scan': SCANNER });
  let served = 0;
  const slow = createServer((socket) => {
    socket.on('error', () => {});
    if (++served > 3) {
      socket.write('ICAP/1.0 200 OK\r\nX-Endless: ');
      const drip = setInterval(() => socket.write('a'), 20);
      socket.on('close', () => clearInterval(drip));
      return;
    }
    const server = connect(lab.port, '127.0.0.1');
    server.on('error', () => {});
    socket.pipe(server).pipe(socket);
  });
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = slow.address() as { port: number };
    const report = await examine(examination(port, '/scan', ['istag.stable'], { readTimeoutMs: 400 }));
    expect(report.checks[0]).toMatchObject({
      status: 'warn',
      saw: expect.stringMatching(/^not finished after 3.2 s/),
    });
  } finally {
    slow.close();
  }
});

test.concurrent('intrusive checks are skipped unless they are asked for', async () => {
  await using lab = await startLab({ '/scan': SCANNER });
  const report = await examine(examination(lab.port, '/scan', ['limits']));
  expect(statusesOf(report)).toMatchObject({ 'limits.url': 'pass', 'limits.header-too-large': 'skip' });
  expect(report.checks.find(({ id }) => id === 'limits.header-too-large')!.saw).toBe('only with --intrusive');
});

test.concurrent(
  'all checks together send less than 1 MiB, at most 16 connections at once, and stay in step',
  async () => {
    await using lab = await startLab({ '/scan': SCANNER }, { via: 'ICAP/1.0 lab' });
    let most = 0;
    const report = await examine(
      examination(lab.port, '/scan', [], {
        readTimeoutMs: 1000,
        onReport: () => (most = Math.max(most, lab.server.connections)),
      }),
    );
    expect(report.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(report.summary.bytesSent).toBeGreaterThan(100_000);
    expect(report.summary.bytesSent).toBeLessThan(1024 * 1024);
    expect(most).toBeLessThanOrEqual(20);
  },
  60_000,
);

test.concurrent('a report never holds EICAR, not even where it was sent and came back', async () => {
  await using lab = await startLab(
    { '/scan': { ...SCANNER, handle: () => UNMODIFIED } },
    { via: 'ICAP/1.0 lab' },
  );
  const report = await examine(examination(lab.port, '/scan', ['verdict']));
  const text = JSON.stringify(report);
  expect(text).toContain('[EICAR]');
  expect(text).not.toContain(eicar().toString('latin1').slice(30));
});

test.concurrent('without OPTIONS nothing that needs it is asked', async () => {
  const report = await examineFaulty(
    { onRequest: (text) => (text.startsWith('OPTIONS') ? { answer: 'ICAP/1.0 404 No\r\n\r\n' } : undefined) },
    ['options', 'preview'],
  );
  const { 'options.answers': answers, ...others } = statusesOf(report);
  expect(answers).toBe('fail');
  expect(new Set(Object.values(others))).toEqual(new Set(['skip']));
  expect(report.advice[0]).toMatch(/path of the URL/);
});

test.concurrent('a service of requests only is examined with REQMOD', async () => {
  await using lab = await startLab({ '/scan': { ...SCANNER, methods: ['REQMOD'] } }, { via: 'ICAP/1.0 lab' });
  const report = await examine(
    examination(lab.port, '/scan', ['echo', 'preview', 'chunks', 'verdict.upload', 'errors']),
  );
  expect(report.checks.filter(({ status }) => status === 'fail' || status === 'warn')).toEqual([]);
  expect(statusesOf(report)).toMatchObject({
    'echo.reqmod': 'pass',
    'echo.respmod': 'skip',
    'echo.every-byte': 'pass',
    'preview.larger-body': 'pass',
    'errors.method-of-service': 'pass',
    'verdict.upload': 'pass',
  });
});

test.concurrent('fields for every ICAP header reach every request', async () => {
  const without: string[] = [];
  const report = await examineFaulty(
    {
      onRequest(text) {
        if (/^(?:OPTIONS|RE\w+MOD) /.test(text) && !text.includes('X-Key: 7\r\n')) without.push(text);
        return undefined;
      },
    },
    ['options', 'errors', 'preview'],
    { fields: ['X-Key: 7'] },
  );
  expect(report.summary.fail).toBe(0);
  expect(without).toEqual([]);
});
