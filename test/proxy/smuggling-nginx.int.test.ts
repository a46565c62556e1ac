// The same requests with nginx as the origin: what it takes for a request is what the proxy has logged.

import { expect, test } from '@jest/globals';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { startLoggingNginx } from '../support/peers/nginx-log.ts';
import { rawExchange } from '../support/rawClient.ts';
import { decoded, readCorpus, SENTINEL } from '../support/smuggling.ts';
import type { LogRecord } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';

const CASES = await readCorpus('requests.md');

describeWithPeer('nginx', () => {
  test.each(['native', 'undici'])(
    'agrees with the proxy and its %s engine on every request',
    async (engine) => {
      await using nginx = await startLoggingNginx();
      await using weir = await startTestWeir({ proxy: { upstream: { engine } }, adaptation: { rules: [] } });
      const host = `127.0.0.1:${nginx.port}`;
      const marks = { u: `http://${host}`, h: `Host: ${host}\r\n`, p: String(nginx.port) };
      for (const bytes of [...CASES.map((one) => one.bytes + SENTINEL), SENTINEL.replace('/end', '/last')]) {
        await rawExchange(weir.proxyPort, Buffer.from(decoded(bytes, marks), 'latin1'));
      }
      await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith('/last'));
      const log = await weir.logged(isAnswered);
      const isOver = (lines: readonly string[]): boolean => lines.length >= log.length;
      const logged = log.map(({ method, url, status }) => `${method} ${pathOf(url)} ${status}`);
      expect(await nginx.requests(isOver)).toEqual(logged);
    },
  );
});

/** A request that nginx has answered; with 400 it also says that a body broke off, or that it knows no `get`. */
function isAnswered({ kind, status }: LogRecord): boolean {
  return kind === 'proxy' && status === 200;
}

function pathOf(url: string): string {
  return url.replace(/^http:\/\/[^/?]*/, '') || '*';
}
