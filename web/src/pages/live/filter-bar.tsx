// What the list shows: verdicts as switches, a search, and the rest as fields that come up when wanted. All of
// it is kept in the URL.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { VERDICTS, VerdictShape } from '../../components/verdict.tsx';
import { hrefOf, setFilters } from '../../router.ts';
import { texts } from '../../texts/index.ts';
import { verdictsOf } from './filter.ts';

const TYPING_MS = 200; // a pause in typing, before the list is asked for
const MORE = ['host', 'method', 'status', 'client', 'user', 'service'] as const;

export function FilterBar({ query }: { query: URLSearchParams }): JSX.Element {
  const chosen = verdictsOf(query);
  const [more, setMore] = useState(() => MORE.some((name) => query.has(name)));
  const toggle = (verdict: (typeof VERDICTS)[number]): void => {
    const next = chosen.includes(verdict) ? chosen.filter((one) => one !== verdict) : [...chosen, verdict];
    setFilters({ verdict: next.join(',') });
  };
  return (
    <search class="stack">
      <div class="row">
        <FilterField name="q" query={query} wide />
        <div class="chips" role="group" aria-label={texts.live.byVerdict}>
          {VERDICTS.map((verdict) => (
            <button
              type="button"
              class="chip"
              key={verdict}
              aria-pressed={chosen.includes(verdict)}
              onClick={() => toggle(verdict)}
            >
              <VerdictShape verdict={verdict} />
              {texts.verdicts[verdict]}
            </button>
          ))}
        </div>
        <button
          type="button"
          class="chip"
          aria-pressed={query.has('icap')}
          title={texts.live.icapWhat}
          onClick={() => setFilters({ icap: query.has('icap') ? '' : '1' })}
        >
          {texts.live.icap}
        </button>
        <button type="button" class="small quiet" aria-expanded={more} onClick={() => setMore(!more)}>
          {more ? texts.live.fewer : texts.live.more}
        </button>
        {query.size > 0 && (
          <a class="small" href={hrefOf('live')}>
            {texts.live.clear}
          </a>
        )}
      </div>
      {more && (
        <div class="row">
          {MORE.map((name) => (
            <FilterField key={name} name={name} query={query} />
          ))}
        </div>
      )}
    </search>
  );
}

function FilterField({
  name,
  query,
  wide = false,
}: {
  name: 'q' | (typeof MORE)[number];
  query: URLSearchParams;
  wide?: boolean;
}): JSX.Element {
  const inUrl = query.get(name) ?? '';
  const [typed, setTyped] = useState(inUrl);
  useEffect(() => setTyped(inUrl), [inUrl]);
  useEffect(() => {
    if (typed === inUrl) return undefined;
    const timer = setTimeout(() => setFilters({ [name]: typed }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <input
      id={name === 'q' ? 'search' : undefined}
      class={wide ? 'search' : 'field'}
      type="search"
      value={typed}
      placeholder={texts.live.fields[name]}
      aria-label={texts.live.fields[name]}
      onInput={(event) => setTyped(event.currentTarget.value)}
    />
  );
}
