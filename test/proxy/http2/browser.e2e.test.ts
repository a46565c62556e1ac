// Chromium over HTTP/2: one page with many parts on one connection, each scanned.

import { expect, test } from '@jest/globals';
import { chromium } from 'playwright-core';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { requirePeer } from '../../support/peers/requirePeer.ts';
import { tempDir } from '../../support/tempDir.ts';
import { trustInChromium } from '../../support/trustInChromium.ts';
import { startTestWeir } from '../../support/weir.ts';
import { http2Origin } from './origins.ts';

const PARTS = 60;

describeWithPeer('chromium', () => {
  test('loads a page with sixty scripts over one HTTP/2 connection', async () => {
    await using weir = await startTestWeir();
    await using origin = await http2Origin((stream, headers) => {
      const path = headers[':path']!;
      const isScript = path.startsWith('/part');
      stream.respond({
        ':status': 200,
        'content-type': isScript ? 'text/javascript' : 'text/html',
        'alt-svc': 'h3=":443"',
      });
      if (isScript) return void stream.end('window.parts = (window.parts ?? 0) + 1;');
      const scripts = Array.from({ length: PARTS }, (_, i) => `<script src="/part${i}.js"></script>`);
      stream.end(`<!doctype html><title>page</title>${scripts.join('')}`);
    });
    await using home = await tempDir('weir-chromium-');
    const browser = await chromium.launch({
      executablePath: requirePeer('chromium'),
      proxy: { server: `http://127.0.0.1:${weir.proxyPort}` },
      args: [
        ...['--no-sandbox', '--disable-dev-shm-usage', '--disable-background-networking'],
        ...(await trustInChromium(weir, home)),
      ],
      env: { ...process.env, HOME: home.path },
    });
    try {
      const page = await browser.newPage();
      const protocols = new Set<string>();
      await page.goto(`https://www.origin.test:${origin.port}/`);
      const seen = await page.evaluate(
        '[window.parts, ...performance.getEntriesByType("resource").map((entry) => entry.nextHopProtocol)]',
      );
      const [parts, ...rest] = seen as [number, ...string[]];
      rest.forEach((protocol) => protocols.add(protocol));
      expect([parts, [...protocols]]).toEqual([PARTS, ['h2']]);
      expect(origin.sessions.length).toBeLessThanOrEqual(2); // Chromium may open one to spare
      const records = await weir.logged(({ kind, url }) => kind === 'proxy' && url.includes('/part'), PARTS);
      expect(
        records.every(({ tls, verdict }) => tls!['alpn' as 'sni'] === 'h2' && verdict === 'allowed'),
      ).toBe(true);
    } finally {
      await browser.close();
    }
  }, 60_000);
});
