// What rsyslogd, a receiver of another make, understands of our messages: by each way, in each format.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SyslogTarget } from '../../../src/telemetry/syslog/target.ts';
import type { SyslogTargetOptions } from '../../../src/telemetry/syslog/target.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import type { Rsyslogd } from '../../support/peers/rsyslogd.ts';
import { startRsyslogd } from '../../support/peers/rsyslogd.ts';
import { testCa } from '../../support/testCa.ts';

describeWithPeer('rsyslogd', () => {
  let rsyslogd: Rsyslogd;

  beforeAll(async () => {
    rsyslogd = await startRsyslogd();
  });
  afterAll(async () => {
    await rsyslogd[Symbol.asyncDispose]();
  });

  test.each([
    ['udp', 'json', 'octet-counting', '"threat":"EICAR"'],
    ['tcp', 'cef', 'octet-counting', 'CEF:0|Weir|Weir|'],
    ['tcp', 'leef', 'newline', 'LEEF:2.0|Weir|Weir|'],
    ['tls', 'json', 'octet-counting', '"action":"blocked"'],
  ] as const)('by %s as %s with %s', async (transport, format, framing, content) => {
    const id = `W-${transport}-${format}`;
    const tls = {
      ca: [(await testCa()).certPath],
      cert: null,
      key: null,
      verify: true,
      serverName: 'localhost',
    };
    const options: SyslogTargetOptions = {
      ...{ transport, format, framing, tls, host: '127.0.0.1', port: rsyslogd.ports[transport] },
      ...{ facility: 'local3', send: ['incidents'], maxBytes: 2048, maxQueue: 10, hostName: 'gw.test' },
    };
    const troubles: string[] = [];
    const target = new SyslogTarget(options, (_, message) => troubles.push(message));
    for (const severity of ['critical', 'low'] as const) {
      const values = { action: 'blocked', threat: 'EICAR', url: 'http://a.test/ü' };
      target.send({
        time: Date.now(),
        id: `${id}-${severity}`,
        type: 'block',
        name: 'Blocked',
        severity,
        values,
      });
    }
    const critical = await rsyslogd.line(`${id}-critical`);
    expect(critical).toMatch(/^154\|gw\.test\|weir\|block\|/); // local3 (19) * 8 + critical (2)
    expect(critical).toContain(content);
    expect(critical).toContain('http://a.test/ü');
    expect(await rsyslogd.line(`${id}-low`)).toMatch(/^157\|/); // notice (5)
    expect(troubles).toEqual([]);
    await target.close(100);
  });
});
