// Debian's c-icap under examination: what is known of it is found, and nothing that is not so.

import { expect, test } from '@jest/globals';
import { examine } from '../../../src/icap/doctor/examine.ts';
import type { CheckReport, DoctorReport, Status } from '../../../src/icap/doctor/types.ts';
import { startCIcap } from '../../support/peers/c-icap.ts';
import { CLAMD_EICAR_NAME, startClamd } from '../../support/peers/clamd.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { examination } from './faulty.ts';

const PATIENCE = { readTimeoutMs: 1500 };
const LIMIT_MS = 120_000;

const ids = ({ checks }: DoctorReport, status: Status): string[] =>
  checks.filter((check) => check.status === status).map(({ id }) => id);

const found = ({ checks }: DoctorReport, id: string): CheckReport => checks.find((check) => check.id === id)!;

// Of every service of c-icap 0.5.
const FAILS = [
  'connection.close-announced', // C-84
  'istag.error', // V-15
  'istag.continue', // C-47
  'chunks.extension', // C-31, V-16
  'chunks.extension-quoted',
  'chunks.last-extension',
  'trailers.http-accepted', // C-33, V-16
  'errors.unknown-method', // V-15
];
const WARNS = [
  'preview.ieof-case', // C-43
  'grammar.leading-crlf', // C-15
  'grammar.bare-lf', // C-15
  'grammar.encapsulated-case',
  'errors.version', // V-15
  'errors.no-part-to-adapt', // C-21.12
  'errors.preview-value',
];

describeWithPeer('c-icap', () => {
  test.concurrent(
    'V-15 … V-18 the echo service fails and warns where c-icap is known to differ, and nowhere else',
    async () => {
      await using server = await startCIcap();
      const report = await examine(examination(server.port, '/echo', [], PATIENCE));
      expect(ids(report, 'fail').sort()).toEqual([...FAILS].sort());
      expect(ids(report, 'warn').sort()).toEqual([...WARNS, 'no-content.when-allowed'].sort());
      expect(report.summary).toMatchObject({ ok: false, reached: true });

      expect(found(report, 'errors.unknown-method').saw).toMatch(/^400 /);
      expect(found(report, 'errors.version').saw).toMatch(/^200 /);
      expect(found(report, 'errors.no-host').saw).toBe('accepted: Host is not checked');
      expect(found(report, 'errors.not-found-body').saw).toMatch(/^404 .*the server closes, and says so/);
      expect(found(report, 'preview.ieof-case').saw).toMatch(/408/);
      expect(found(report, 'trailers.http-accepted').received).toBe('');
      expect(found(report, 'no-content.not-unasked')).toMatchObject({ status: 'pass', saw: '200 OK' }); // V-17
      expect(found(report, 'persistence.pipelined').status).toBe('pass'); // C-81
      expect(report.capabilities).toMatchObject({
        product: 'c-icap',
        preview: 1024,
        allow204: true,
        allow206: false,
        persistent: true,
        detects: { plain: false },
        tolerates: {
          'http-trailers': false,
          'chunk-extensions': false,
          'bare-lf': false,
          'half-close': true,
        },
      });
    },
    LIMIT_MS,
  );

  test.concurrent(
    'C-62 C-82 V-18 the service with 206 offers it unasked, answers 500, and does not drain',
    async () => {
      await using server = await startCIcap();
      const report = await examine(examination(server.port, '/ex206', ['options', 'partial'], PATIENCE));
      expect(ids(report, 'warn')).toEqual(['options.allow-unasked']);
      expect(found(report, 'partial.not-outside-preview')).toMatchObject({
        status: 'fail',
        saw: 'answered 500 Server error',
      });
      expect(found(report, 'partial.drained')).toMatchObject({
        status: 'fail',
        saw: expect.stringMatching(/^206 .*the next request got: 400 /),
      });
      expect(found(report, 'partial.in-preview').status).toBe('pass');
    },
    LIMIT_MS,
  );

  test.concurrent(
    'C-26 an offset too large leaves it waiting; it survives the other intrusive checks',
    async () => {
      await using server = await startCIcap();
      const report = await examine(
        examination(server.port, '/echo', ['errors', 'limits'], { ...PATIENCE, intrusive: true }),
      );
      expect(found(report, 'errors.offset-never-reached').saw).toBe('waits for the missing bytes');
      expect(report.checks.filter(({ saw }) => saw.includes('answers nobody'))).toEqual([]);
    },
    LIMIT_MS,
  );
});

describeWithPeer(['c-icap', 'virus_scan', 'clamd'], () => {
  test.concurrent(
    'virus_scan finds EICAR in every form, and its page may be cached',
    async () => {
      await using clamd = await startClamd();
      await using server = await startCIcap({ clamdSocket: clamd.socketPath });
      const report = await examine(
        examination(server.port, '/avscan', ['verdict', 'no-content', 'echo', 'persistence'], PATIENCE),
      );
      expect(ids(report, 'fail')).toEqual([]);
      expect(ids(report, 'warn').sort()).toEqual(['no-content.whole-word', 'verdict.no-store']); // C-60
      expect(report.capabilities.detects).toEqual({ plain: true, gzip: true, zip: true });
      expect(found(report, 'verdict.infection-grammar').saw).toContain(`Threat=${CLAMD_EICAR_NAME};`);
      expect(found(report, 'verdict.upload').status).toBe('pass');
    },
    LIMIT_MS,
  );
});
