// The faults of faults.ts with bodies of 50 MiB, which no buffer on the way can hold: some that come late,
// where the size may matter, in every run; the others too with WEIR_FULL_FAULTS=1. All answers are held
// (64 MiB) except where a test says so.

import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { checkCut, checkFault, type FaultLab, startFaultLab } from './fault-runs.ts';
import { FAULTS } from './faults.ts';

const SIZE = 50 * 1024 * 1024;
const ALL = process.env['WEIR_FULL_FAULTS'] === '1';

describe.each(['REQMOD', 'RESPMOD'] as const)('K-60 %s with 50 MiB to a server that', (method) => {
  let lab: FaultLab;
  beforeAll(async () => {
    lab = await startFaultLab();
  });
  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
  });

  const rows = FAULTS.filter(({ late }) => ALL || late === true).map((fault) => [fault.does, fault] as const);
  test.each(rows)('%s', async (_, fault) => checkFault(lab, fault, method, SIZE));

  const cut = rows.filter(([, fault]) => fault.inAnswer === true);
  test.each(cut)('%s, beyond what is held: a part goes on and is cut', async (_, fault) =>
    checkCut(lab, fault, method, SIZE),
  );
});
