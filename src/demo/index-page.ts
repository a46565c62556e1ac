// The lab's start page for those who click through it themselves: a link for each scenario, and a form for the
// upload.

import { escapeHtml } from '../pages/escape.ts';
import type { Scenario } from './scenario.ts';

/** @param urlOf  URL of a `host/path` */
export function indexPage(scenarios: readonly Scenario[], urlOf: (visit: string) => string): Buffer {
  const items = scenarios.map(({ title, about, visit }) => {
    const target = visit === null ? '#send' : urlOf(visit);
    return `<li><b><a href="${escapeHtml(target)}">${escapeHtml(title)}</a></b><br>${escapeHtml(about)}</li>`;
  });
  return Buffer.from(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Weir: the lab</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem }
  li { margin: 0.8rem 0 }
  a { color: #0b5394 }
</style>
<h1>Weir: the lab</h1>
<p>Everything here comes from an origin on this machine, through the proxy. Try each, and watch
the dashboard, whose address is on the terminal.</p>
<ol>
${items.join('\n')}
</ol>
<h2 id="send">Send something yourself</h2>
<p>Say, a text file with 4111 1111 1111 1111, 5555 5555 5555 4444, 3782 822463 10005 and 4012 8888 8888 1881.</p>
<form method="post" enctype="multipart/form-data" action="${escapeHtml(urlOf('share/upload'))}">
  <input type="file" name="file" aria-label="File to send"> <button>Send</button>
</form>
</html>
`);
}
