// Which steps a visitor sees first, and that every step can be taken as it stands.

import { describe, expect, test } from '@jest/globals';
import { DOWNLOADS, setupPage } from '../../src/pages/setup-page.ts';
import { PLATFORMS, setupGuides } from '../../src/pages/setup-steps.ts';
import { platformsOf, SETUP_PATHS } from '../../src/pages/setup-site.ts';

const PLACE = { proxyUrl: 'http://192.0.2.10:8080', proxyHost: '192.0.2.10', proxyPort: 8080 };

describe('the platform of a visitor', () => {
  test.each([
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36', ['windows']],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
      ['firefox', 'windows'],
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15',
      ['macos'],
    ],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148', ['ios']],
    [
      'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36',
      ['android'],
    ],
    ['Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0', ['android']],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', ['firefox', 'linux']],
    ['Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36', ['linux']],
    ['curl/8.9.1', ['curl']],
    ['Wget/1.24.5', ['curl']],
    ['git/2.47.0', ['git']],
    ['node', ['node']],
    ['npm/10.8.2 node/v22.1.0 linux x64', ['node']],
    ['python-requests/2.32.3', ['python']],
    ['Java/17.0.15', ['java']],
    ['docker/27.0 go/go1.22', ['docker']],
    ['something else', []],
    ['', []],
  ])('%s', (agent, platforms) => {
    expect(platformsOf(agent)).toEqual(platforms);
  });
});

describe('the steps', () => {
  const guides = setupGuides(PLACE);

  test('are there for every platform, and name files that the site has', () => {
    expect(guides.map(({ platform }) => platform)).toEqual([...PLATFORMS]);
    const files = guides.flatMap(({ steps }) => steps.flatMap(({ download }) => download ?? []));
    expect(files.every((file) => SETUP_PATHS.includes(`/${file}`))).toBe(true);
    expect(Object.keys(DOWNLOADS).every((file) => SETUP_PATHS.includes(`/${file}`))).toBe(true);
  });

  test('stand on the page word for word, those of the visitor first and open', () => {
    const input = { place: PLACE, certificates: [], checkable: true, platforms: ['java'] as const };
    const page = setupPage(input, 'html').body.toString();
    expect(/<details id="(\w+)"/.exec(page)?.[1]).toBe('java');
    expect(page.match(/<details id="\w+" open/g)).toHaveLength(1);
    for (const { steps } of guides) {
      for (const { command } of steps) {
        if (command === undefined) continue;
        const escaped = command.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
        const shown = escaped.replaceAll('>', '&gt;').replaceAll("'", '&#39;');
        expect(page).toContain(`<pre dir="ltr"><code>${shown}</code></pre>`);
      }
    }
  });

  test('are data for a program that asks for JSON', () => {
    const input = { place: PLACE, certificates: [], checkable: true, platforms: [] };
    const json = JSON.parse(setupPage(input, 'json').body.toString()) as { guides: unknown[] };
    expect(json.guides).toHaveLength(PLATFORMS.length);
  });
});
