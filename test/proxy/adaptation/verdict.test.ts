import { describe, expect, test } from '@jest/globals';
import type { Adaptation } from '../../../src/icap/client/adaptation.ts';
import { judge } from '../../../src/proxy/adaptation/verdict.ts';

const response = (status: number, headers: string[] = []) => ({
  version: '1.1',
  status,
  reason: '',
  headers,
});
const answer = (more: Partial<Adaptation>): Adaptation => ({
  ...{ icapStatus: 200, request: null, response: null, body: null, icapHeaders: [], preview: null },
  ...more,
});

test('an answer without a message is "allowed", whatever its fields say', () => {
  expect(judge(answer({ icapStatus: 204 })).verdict).toBe('allowed');
  expect(judge(answer({ icapHeaders: ['X-Virus-ID', 'no threats'] })).verdict).toBe('allowed');
});

test('another response, or another request, is "modified"', () => {
  expect(judge(answer({ response: response(200) }))).toMatchObject({ verdict: 'modified', threat: null });
  const request = { method: 'GET', target: 'http://h.test/', version: '1.1', headers: [] };
  expect(judge(answer({ request })).verdict).toBe('modified');
});

describe('K-62 a block is known by what vendors say of it', () => {
  test.each<[string, string[], string]>([
    ['X-Infection-Found', ['X-Infection-Found', 'Type=0; Resolution=2; Threat=Eicar Test;'], 'Eicar Test'],
    ['X-Virus-ID', ['X-Virus-ID', 'Eicar'], 'Eicar'],
    ['X-Virus-Name', ['x-virus-name', 'Eicar'], 'Eicar'],
    ['X-Block-Reason', ['X-Block-Reason', 'Gambling'], 'Gambling'],
    ['X-Blocked-Reason', ['X-Blocked-Reason', 'DLP'], 'DLP'],
    ['X-Infection-Found before X-Virus-ID', ['X-Virus-ID', 'a', 'X-Infection-Found', 'Threat=b'], 'b'],
  ])('%s', (_what, fields, name) => {
    expect(judge(answer({ response: response(200), icapHeaders: fields }))).toMatchObject({
      verdict: 'blocked',
      threat: { name },
    });
    expect(judge(answer({ response: response(302, fields) }))).toMatchObject({
      verdict: 'blocked',
      threat: { name },
    });
  });

  test('a 403 without a name is a policy', () => {
    expect(judge(answer({ response: response(403) }))).toMatchObject({
      verdict: 'blocked',
      threat: { name: 'policy' },
    });
  });

  test('"no threats" is no threat', () => {
    const clean = answer({ response: response(200), icapHeaders: ['X-Virus-ID', 'no threats'] });
    expect(judge(clean).verdict).toBe('modified');
  });

  test('blade, severity and incident come from our own gateway, and only a real incident id is taken', () => {
    const icapHeaders = ['X-Virus-ID', 'Eicar', 'X-Weir-Blade', 'antivirus', 'X-Weir-Severity', 'high'];
    const own = [...icapHeaders, 'X-Weir-Incident', 'W-1M81TRVV39B4C'];
    expect(judge(answer({ response: response(403), icapHeaders: own }))).toEqual({
      verdict: 'blocked',
      threat: { name: 'Eicar', blade: 'antivirus', severity: 'high' },
      incident: 'W-1M81TRVV39B4C',
    });
    const forged = [...icapHeaders, 'X-Weir-Incident', '"><script>'];
    expect(judge(answer({ response: response(403), icapHeaders: forged })).incident).toBeNull();
  });
});
