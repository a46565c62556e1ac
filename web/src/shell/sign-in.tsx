// Asks for the token where the server does not know the browser. The token goes to the server once, which
// answers with a cookie and leads back here; it stays neither in the address nor in the page.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { Mark } from '../components/icons.tsx';
import { texts } from '../texts/index.ts';

export function SignIn(): JSX.Element {
  const [token, setToken] = useState('');
  const submit = (event: Event): void => {
    event.preventDefault();
    location.replace(`/?token=${encodeURIComponent(token.trim())}${location.hash}`);
  };
  return (
    <main class="sign-in">
      <form class="panel panel-body stack" onSubmit={submit}>
        <div class="row">
          <Mark />
          <h1>{texts.shell.signIn}</h1>
        </div>
        <p class="muted">{texts.shell.signInHow}</p>
        <label class="stack">
          <span>{texts.shell.token}</span>
          <input
            type="password"
            autocomplete="current-password"
            required
            autofocus
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="primary">
          {texts.shell.signIn}
        </button>
      </form>
    </main>
  );
}
