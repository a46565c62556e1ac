// Weir's own gateway under examination: nothing fails and nothing is worth a warning. What it cannot be
// asked (no scanner on /echo, no icaps) is skipped.

import { describe, expect, test } from '@jest/globals';
import { examine } from '../../../src/icap/doctor/examine.ts';
import type { DoctorReport } from '../../../src/icap/doctor/types.ts';
import { Body } from '../../../src/http/body.ts';
import type { IcapTransaction } from '../../../src/icap/service.ts';
import { startTestWeir } from '../../support/weir.ts';
import { startLab } from '../server/lab.ts';
import { examination } from './faulty.ts';

const PATIENCE_MS = 1500; // some checks wait for what never comes
const LIMIT_MS = 120_000;

const troubles = ({ checks }: DoctorReport): object[] =>
  checks
    .filter(({ status }) => status === 'fail' || status === 'warn')
    .map(({ id, saw, sent, received }) => ({ id, saw, sent, received }));

const skipped = ({ checks }: DoctorReport): string[] =>
  checks.filter(({ status }) => status === 'skip').map(({ id }) => id);

describe("Weir's gateway", () => {
  test.concurrent.each(['/echo', '/sandblast'])(
    '%s passes every check, the intrusive ones too',
    async (path) => {
      await using weir = await startTestWeir();
      const report = await examine(
        examination(weir.gatewayPort, path, [], { intrusive: true, readTimeoutMs: PATIENCE_MS }),
      );
      expect(troubles(report)).toEqual([]);
      const scans = path === '/sandblast';
      expect(skipped(report).filter((id) => id.startsWith('verdict.')).length).toBe(scans ? 0 : 13);
      expect(report.capabilities).toMatchObject({
        product: 'Weir',
        methods: ['REQMOD', 'RESPMOD'],
        persistent: true,
        pipelining: true,
        detects: scans ? { plain: true, gzip: true, zip: true } : { plain: false, gzip: null, zip: null },
      });
      expect(Object.values(report.capabilities.tolerates)).not.toContain(false);
      expect(report.summary).toMatchObject({ ok: true, reached: true, fail: 0, warn: 0 });
    },
    LIMIT_MS,
  );

  test.concurrent(
    'a service that changes the beginning and sends ICAP trailers passes the checks of 206 and trailers',
    async () => {
      const handle = async (transaction: IcapTransaction) => {
        const content = await transaction.body?.hold();
        const { response, request, method } = transaction;
        const marked = ['X-Marked', 'yes'];
        const adapted =
          method === 'RESPMOD'
            ? { response: { ...response!, headers: [...response!.headers, ...marked] } }
            : { request: { ...request!, headers: [...request!.headers, ...marked] } };
        return {
          kind: 'adapted',
          ...adapted,
          body: content == null ? null : Body.of(Buffer.from('<!-- -->')),
          keepOriginalFrom: 0,
          serverMade: false,
          trailer: { names: ['X-Doctor-Seen'], fields: () => ['X-Doctor-Seen', 'yes'] },
        } as const;
      };
      const description = { partialContent: true, trailers: true, preview: 512, optionsTtlSeconds: 60 };
      await using lab = await startLab(
        { '/mark': { methods: ['REQMOD', 'RESPMOD'], description, handle } },
        { via: 'ICAP/1.0 lab' },
      );
      const report = await examine(
        examination(lab.port, '/mark', ['partial', 'trailers', 'preview', 'options', 'persistence']),
      );
      expect(troubles(report)).toEqual([]);
      expect(skipped(report).filter((id) => /^partial|icap-announced/.test(id))).toEqual([]);
      expect(report.capabilities).toMatchObject({ allow206: true, allowTrailers: true });
    },
    LIMIT_MS,
  );
});
