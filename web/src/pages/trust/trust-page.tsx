// The CA: what it is, how each platform is told to trust it, and whether this very browser goes through the
// proxy and does.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { TrustReply } from '../../api/types.ts';
import { useResource } from '../../api/use-resource.ts';
import { Command, CopyButton } from '../../components/copy-button.tsx';
import { Facts, Panel } from '../../components/panel.tsx';
import { Problem } from '../../components/problem.tsx';
import { Tabs } from '../../components/tabs.tsx';
import { dateTime } from '../../format.ts';
import type { Route } from '../../router.ts';
import { texts } from '../../texts/index.ts';
import { BrowserCheck } from './browser-check.tsx';

export function TrustPage(_: { route: Route }): JSX.Element {
  const { data, problem, reload } = useResource<TrustReply>('/api/trust');
  const words = texts.trust;
  return (
    <div class="page">
      <div class="page-head">
        <h1>{texts.pages.trust}</h1>
        <p class="about">{words.about}</p>
      </div>
      {problem !== null && <Problem problem={problem} onRetry={reload} />}
      <BrowserCheck />
      {data !== null && (
        <>
          <Panel title={words.certificate}>
            <Facts
              facts={[
                [words.subject, data.subject],
                [
                  words.fingerprint256,
                  <span class="row">
                    <code class="break">{data.fingerprint256}</code>
                    <CopyButton text={data.fingerprint256} />
                  </span>,
                ],
                [words.fingerprint1, <code class="break">{data.fingerprint1}</code>],
                [words.valid, words.fromTo(dateTime(data.validFrom), dateTime(data.validTo))],
                [
                  words.file,
                  data.certificateFile === null ? null : <code class="break">{data.certificateFile}</code>,
                ],
                [words.proxy, data.proxy === null ? null : <code>{data.proxy}</code>],
              ]}
            />
            <div class="row">
              {data.downloads.map(({ label, path }) => (
                <a class="button" key={path} href={path} download>
                  {label}
                </a>
              ))}
            </div>
          </Panel>
          {data.platforms.length > 0 && <Platforms platforms={data.platforms} />}
        </>
      )}
    </div>
  );
}

function Platforms({ platforms }: { platforms: TrustReply['platforms'] }): JSX.Element {
  const [chosen, setChosen] = useState(() => likely(platforms));
  const shown = platforms.find(({ platform }) => platform === chosen) ?? platforms[0]!;
  return (
    <section class="panel">
      <div class="panel-head">
        <h2>{texts.trust.steps}</h2>
      </div>
      <Tabs
        label={texts.trust.steps}
        tabs={platforms.map(({ platform, name }) => ({ key: platform, label: name }))}
        chosen={shown.platform}
        onChoose={setChosen}
      >
        <ol class="panel-body steps-text">
          {shown.steps.map(({ text, command, download }, at) => (
            <li key={at}>
              {text}
              {command !== undefined && <Command text={command} />}
              {download !== undefined && (
                <div>
                  <a href={download} download>
                    {download}
                  </a>
                </div>
              )}
            </li>
          ))}
        </ol>
      </Tabs>
    </section>
  );
}

const AGENTS: readonly (readonly [agent: RegExp, platform: RegExp])[] = [
  [/iphone|ipad/i, /ios|ipad/i],
  [/android/i, /android/i],
  [/mac os/i, /mac/i],
  [/windows/i, /windows/i],
  [/linux/i, /linux/i],
];

/** The platform that this browser runs on, if its steps are there. */
function likely(platforms: TrustReply['platforms']): string {
  const wanted = AGENTS.find(([agent]) => agent.test(navigator.userAgent))?.[1];
  const found = platforms.find(({ platform }) => wanted?.test(platform)) ?? platforms[0];
  return found?.platform ?? '';
}
