import { describe, expect, test } from '@jest/globals';
import { blockPage, type BlockPageInput } from '../../src/pages/index.ts';

const INPUT: BlockPageInput = {
  threat: 'EICAR-Test-File',
  blade: 'antivirus',
  severity: 'critical',
  reason: 'Found in archive member docs/eicar.com',
  incident: 'W-1KYSNCG0GCA5N',
  time: new Date('2026-07-30T14:03:22.123Z'),
  url: 'https://downloads.example/tool.zip',
  method: 'GET',
  direction: 'response',
  profile: 'optimized',
};

function textFor(change: Partial<BlockPageInput>): string {
  return blockPage({ ...INPUT, ...change }, 'text').body.toString();
}

describe('blockPage', () => {
  test('is a 403 that carries the incident id', () => {
    const page = blockPage(INPUT, 'html');
    expect(page.status).toBe(403);
    expect(page.reason).toBe('Forbidden');
    expect(page.headers[page.headers.indexOf('X-Weir-Incident') + 1]).toBe('W-1KYSNCG0GCA5N');
  });

  test.each(['html', 'text'] as const)(
    'names threat, blade, incident, time, reason and address as %s',
    (form) => {
      const body = blockPage(INPUT, form).body.toString();
      for (const fact of [
        'EICAR-Test-File',
        'antivirus',
        'critical',
        'Found in archive member docs/eicar.com',
        'W-1KYSNCG0GCA5N',
        '2026-07-30 14:03:22 UTC',
        'GET https://downloads.example/tool.zip',
        'optimized',
      ]) {
        expect(body).toContain(fact);
      }
    },
  );

  test('gives programs the same facts as fields', () => {
    expect(JSON.parse(blockPage(INPUT, 'json').body.toString())).toMatchObject({
      error: 'blocked',
      status: 403,
      title: 'Download stopped',
      threat: { name: 'EICAR-Test-File', blade: 'antivirus', severity: 'critical' },
      reason: 'Found in archive member docs/eicar.com',
      incident: 'W-1KYSNCG0GCA5N',
      time: '2026-07-30T14:03:22.123Z',
      url: 'https://downloads.example/tool.zip',
      direction: 'response',
      profile: 'optimized',
    });
  });

  test('says that a download did not reach the device', () => {
    const text = textFor({ direction: 'response' });
    expect(text).toMatch(/^Download stopped\n/);
    expect(text).toContain('in what downloads.example sent');
    expect(text).toContain('Nothing reached your device');
  });

  test.each(['POST', 'PUT', 'PATCH', 'PROPFIND'])('says that an upload by %s did not leave', (method) => {
    const text = textFor({ direction: 'request', method });
    expect(text).toMatch(/^Upload stopped\n/);
    expect(text).toContain('stopped it before it left');
  });

  test.each(['GET', 'HEAD', 'CONNECT', ''])(
    'calls a request by %j that carries nothing a request',
    (method) => {
      expect(textFor({ direction: 'request', method })).toMatch(/^Request stopped\n/);
    },
  );

  test('leaves out what is not known', () => {
    const text = blockPage(
      { ...INPUT, threat: '', reason: '', method: '', url: '', severity: '', time: new Date(NaN) },
      'text',
    ).body.toString();
    expect(text).toContain('Weir found unknown in what the site sent');
    expect(text).toContain('Time:     unknown');
    expect(text).not.toMatch(/Reason:|Severity:|Request:/);
  });

  test('gives null for a time that is no time', () => {
    const json = blockPage({ ...INPUT, time: new Date(NaN) }, 'json').body.toString();
    expect((JSON.parse(json) as { time: unknown }).time).toBeNull();
  });

  test('never makes the address a link, and shows no user name or password', () => {
    const body = blockPage({ ...INPUT, url: 'https://anna:secret@x.example/a' }, 'html').body.toString();
    expect(body).toContain('https://x.example/a');
    expect(body).not.toMatch(/secret|anna|href/);
  });
});
