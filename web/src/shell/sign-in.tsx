// Asks for the token where the server does not know the browser. The token goes to the server once, which
// answers with a cookie; it stays neither in the address nor in the page.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ApiProblem, send } from '../api/client.ts';
import { Mark } from '../components/icons.tsx';
import { Problem } from '../components/problem.tsx';
import { texts } from '../texts/index.ts';

export function SignIn({ onDone }: { onDone: () => void }): JSX.Element {
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      await send('POST', '/api/login', { token: token.trim() });
      onDone();
    } catch (error) {
      if (error instanceof ApiProblem) setProblem(error);
    }
  };
  return (
    <main class="sign-in">
      <form class="panel panel-body stack" onSubmit={(event) => void submit(event)}>
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
        {problem !== null && <Problem problem={problem} />}
        <button type="submit" class="primary">
          {texts.shell.signIn}
        </button>
      </form>
    </main>
  );
}
