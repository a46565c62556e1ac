// The script of the patience page: asks once a second how things are, shows it, and goes to the answer when
// there is one. A file of its own, because the page's policy lets nothing run that stands in the page.

/** ECMAScript for browsers, served as a file; works on what patience-page.ts has made. */
export const PATIENCE_SCRIPT = `'use strict';
{
  const FIRST_MS = 300; // most scans that are late are not late by much
  const POLL_MS = 1000;
  const MAX_FAILURES = 30; // in a row, then the page is loaded anew
  const waiting = document.getElementById('waiting');
  const bar = document.getElementById('bar');
  const show = (id, text) => {
    const element = document.getElementById(id);
    if (element !== null && element.textContent !== text) element.textContent = text;
  };
  const proceed = () => {
    bar.value = 1;
    show('state', waiting.dataset.ready);
    document.querySelector('h1 span').textContent = waiting.dataset.done;
    document.title = waiting.dataset.done;
    location.replace(waiting.dataset.next);
  };
  let failures = 0;
  const poll = async () => {
    try {
      const answer = await fetch(waiting.dataset.state, {
        headers: { Accept: 'application/json' },
        cache: 'no-store',
      });
      if (!answer.ok) return proceed();
      const now = await answer.json();
      failures = 0;
      if (now.state === 'done') return proceed();
      if (now.total > 0 && now.state === 'receiving') bar.value = Math.min(1, now.received / now.total);
      else bar.removeAttribute('value');
      for (const [id, text] of Object.entries(now.words)) show(id, text);
    } catch {
      if (++failures === MAX_FAILURES) return proceed();
    }
    setTimeout(poll, POLL_MS);
  };
  setTimeout(poll, FIRST_MS);
}
`;
