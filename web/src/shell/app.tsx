// The frame around every page: sign-in, navigation, banners, keys, the title, and where the focus goes when
// the page changes.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { onSignedOut } from '../api/client.ts';
import { Toast } from '../components/toast.tsx';
import { LivePage } from '../pages/live/live-page.tsx';
import { PolicyPage } from '../pages/policy/policy-page.tsx';
import { ServicesPage } from '../pages/services/services-page.tsx';
import { ThreatsPage } from '../pages/threats/threats-page.tsx';
import { TransactionPage } from '../pages/transaction/transaction-page.tsx';
import { TrustPage } from '../pages/trust/trust-page.tsx';
import type { PageName, Route } from '../router.ts';
import { useRoute } from '../router.ts';
import { closeLive, openLive } from '../state/live-feed.ts';
import { usePageKeys, useShortcuts } from '../state/shortcuts.ts';
import { texts } from '../texts/index.ts';
import { ConnectionBanner } from './connection-banner.tsx';
import { HelpDialog } from './help-dialog.tsx';
import { Navigation } from './navigation.tsx';
import { SignIn } from './sign-in.tsx';

const VIEWS: Readonly<Record<PageName, (props: { route: Route }) => JSX.Element>> = {
  live: LivePage,
  transaction: TransactionPage,
  services: ServicesPage,
  policy: PolicyPage,
  threats: ThreatsPage,
  trust: TrustPage,
};

export function App(): JSX.Element {
  const [signedIn, setSignedIn] = useState(true);
  useEffect(() => onSignedOut(() => setSignedIn(false)), []);
  if (!signedIn) return <SignIn onDone={() => setSignedIn(true)} />;
  return <Console />;
}

function Console(): JSX.Element {
  const route = useRoute();
  const [help, setHelp] = useState(false);
  const main = useRef<HTMLElement>(null);
  const shown = useRef(route.page);
  useEffect(() => scrollTo(0, 0), [route.page, route.id]);
  useEffect(() => {
    openLive();
    return closeLive;
  }, []);
  usePageKeys();
  useShortcuts({ '?': () => setHelp(true) });
  useEffect(() => {
    document.title = `${texts.pages[route.page]} · Weir`;
    if (shown.current !== route.page) main.current?.focus({ preventScroll: true });
    shown.current = route.page;
  }, [route.page]);
  const View = VIEWS[route.page];
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {texts.shell.skip}
      </a>
      <div class="shell">
        <Navigation page={route.page} onHelp={() => setHelp(true)} />
        <div>
          <ConnectionBanner />
          <main class="main" id="main" ref={main} tabIndex={-1}>
            <View route={route} />
          </main>
        </div>
      </div>
      <Toast />
      {help && <HelpDialog onClose={() => setHelp(false)} />}
    </>
  );
}
