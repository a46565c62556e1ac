// The lab's start page for those who click through it themselves: a link for each scenario, and a form for the
// upload.

import { escapeHtml } from '../pages/escape.ts';
import type { Scenario } from './scenario.ts';

/** @param urlOf  URL of a `host/path` */
export function indexPage(scenarios: readonly Scenario[], urlOf: (visit: string) => string): Buffer {
  const items = scenarios.map(({ title, about, visit }) => {
    const name = escapeHtml(title);
    const link = visit === null ? name : `<a href="${escapeHtml(urlOf(visit))}">${name}</a>`;
    return `<li><b>${link}</b><br>${escapeHtml(about)}</li>`;
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
<p>Everything here comes from an origin on this machine, through the proxy. Try each, and watch the dashboard.</p>
<ol>
${items.join('\n')}
</ol>
<h2>Send something yourself</h2>
<form method="post" enctype="multipart/form-data" action="${escapeHtml(urlOf('share/upload'))}">
  <input type="file" name="file" aria-label="File to send"> <button>Send</button>
</form>
</html>
`);
}
