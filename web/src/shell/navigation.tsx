// The pages, the theme and the help; icons alone on narrow screens, where the words stay for screen readers.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { Mark, Picture } from '../components/icons.tsx';
import type { PageName } from '../router.ts';
import { hrefOf, PAGES } from '../router.ts';
import { chooseTheme, theme } from '../state/theme.ts';
import { texts } from '../texts/index.ts';

export function Navigation({ page, onHelp }: { page: PageName; onHelp: () => void }): JSX.Element {
  const [shown, setShown] = useState(theme());
  const other = shown === 'dark' ? 'light' : 'dark';
  const change = (): void => {
    chooseTheme(other);
    setShown(other);
  };
  return (
    <header class="side">
      <a class="brand" href={hrefOf('live')} aria-label={texts.shell.home}>
        <Mark />
        <span>Weir</span>
      </a>
      <nav aria-label={texts.shell.navigation}>
        <ul class="nav">
          {PAGES.map((name) => (
            <li key={name}>
              <a
                href={hrefOf(name)}
                aria-current={name === page ? 'page' : undefined}
                title={texts.pages[name]}
              >
                <Picture name={name} />
                <span>{texts.pages[name]}</span>
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <div class="side-foot">
        <button
          type="button"
          class="icon-button quiet"
          onClick={change}
          aria-label={texts.shell.theme[other]}
          title={texts.shell.theme[other]}
        >
          <Picture name={other === 'dark' ? 'moon' : 'sun'} />
        </button>
        <button
          type="button"
          class="icon-button quiet help-button"
          onClick={onHelp}
          aria-label={texts.shell.help}
          title={texts.shell.help}
        >
          <Picture name="help" />
        </button>
      </div>
    </header>
  );
}
