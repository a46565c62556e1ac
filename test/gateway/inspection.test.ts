import { expect, test } from '@jest/globals';
import { inspect } from '../../src/gateway/inspection.ts';
import type { BladeMessage } from '../../src/plugin/api.ts';

const MESSAGE: BladeMessage = {
  ...{
    direction: 'response',
    method: 'GET',
    url: 'http://a.test/',
    request: null,
    response: null,
    body: null,
  },
  ...{ client: { ip: null, user: null, groups: [] }, server: { ip: null }, header: () => undefined },
};

test('a blade that does not answer in time fails with its name, and its signal is aborted with the same error', async () => {
  let reason: unknown = null;
  const blade = {
    name: 'slow',
    inspect: (_message: BladeMessage, signal: AbortSignal) =>
      new Promise<never>(() => {
        signal.addEventListener('abort', () => (reason = signal.reason));
      }),
  };
  const profile = {
    name: 'p',
    onError: 'block' as const,
    blades: { slow: { enabled: true, mode: 'inline' as const, timeoutMs: 20 } },
  };
  const failed = await inspect([blade], profile, MESSAGE, new AbortController().signal).catch(
    (error: unknown) => error,
  );
  expect(failed).toMatchObject({ code: 'ERR_SCAN_TIMEOUT', message: 'slow took longer than 20 ms' });
  expect(reason).toBe(failed);
});
