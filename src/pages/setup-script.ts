// The script of the setup page: finds out whether this browser uses the proxy and trusts its CA, by asking the
// proxy's own host over HTTP and then over HTTPS, and puts the iPads that pose as Macs right.

/** ECMAScript for browsers, served as a file; works on what setup-page.ts has made. */
export const SETUP_SCRIPT = `'use strict';
{
  const LIMIT_MS = 10000;
  const box = document.getElementById('check');
  const words = document.getElementById('verdict');
  const again = document.getElementById('again');
  const asks = async (url) => {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), LIMIT_MS);
    try {
      const answer = await fetch(url, { cache: 'no-store', credentials: 'omit', signal: abort.signal });
      return answer.ok && (await answer.json()).weir === box.dataset.fingerprint;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  };
  const show = (state) => {
    box.dataset.state = state;
    words.textContent = box.dataset[state];
  };
  const check = async () => {
    again.disabled = true;
    show('asking');
    const isSecure = location.protocol === 'https:';
    if (!isSecure && !(await asks('http://weir.local/here.json'))) show('elsewhere');
    else if (box.dataset.checkable !== 'yes') show('unknown');
    else show((await asks('https://weir.local/here.json')) ? 'trusted' : 'untrusted');
    again.disabled = false;
  };
  again.hidden = false;
  again.addEventListener('click', check);
  if (navigator.maxTouchPoints > 1 && /Macintosh/.test(navigator.userAgent)) {
    const own = document.getElementById('ios');
    const guessed = document.getElementById('macos');
    if (guessed !== null && own !== null) {
      guessed.open = false;
      own.open = true;
    }
  }
  check();
}
`;
