// One ICAP service: its state and why, connections, times, former states, and OPTIONS as they came.

import type { JSX } from 'preact';
import type { CapturedBody, OptionsReport, ServiceDetail } from '../../api/types.ts';
import { bytesOf, latin1Of, visibleOf } from '../../bytes.ts';
import { Histogram } from '../../charts/histogram.tsx';
import { CopyButton } from '../../components/copy-button.tsx';
import { Facts, Notice, Panel } from '../../components/panel.tsx';
import { bytes, count, dateTime, duration } from '../../format.ts';
import { hrefOf } from '../../router.ts';
import { texts } from '../../texts/index.ts';
import { Doctor } from './doctor.tsx';
import { StateMark } from './state-mark.tsx';

export function ServicePanel({ service }: { service: ServiceDetail }): JSX.Element {
  const words = texts.services;
  const { name, url, state, since, cause, nextTry, failures, onError, latency, history, circuit } = service;
  return (
    <Panel
      title={
        <span class="row">
          {name} <StateMark state={state} />
        </span>
      }
      actions={<a href={hrefOf('live', '', { service: name })}>{words.transactions}</a>}
    >
      {cause !== null && (
        <Notice tone="bad" title={cause.message}>
          <p>{cause.remedy}</p>
        </Notice>
      )}
      <div class="grid-2">
        <Facts
          facts={[
            [words.url, <code>{url}</code>],
            [words.place, service.inProcess ? words.inProcess : words.network],
            [words.since, dateTime(since)],
            [words.circuit, service.inProcess ? null : words.circuits[circuit]],
            [words.nextTry, nextTry === null ? null : dateTime(nextTry)],
            [words.failures, failures === 0 ? null : count(failures)],
            [words.onError, words.onErrors[onError]],
            [words.verdicts, counted(service.verdicts)],
            ...Object.entries(service.connections ?? {}).map(
              ([what, amount]) => [words.connection(what), String(amount)] as const,
            ),
          ]}
        />
        <div>
          <h3>{words.latency}</h3>
          {latency.count === 0 ? (
            <p class="muted">{words.notAsked}</p>
          ) : (
            <>
              <p class="muted">{words.percentiles(ms(latency.p50), ms(latency.p95), count(latency.count))}</p>
              <Histogram
                label={words.histogram(name, ms(latency.p50), ms(latency.p95))}
                buckets={latency.buckets.map(({ toMs, count: amount }) => ({ upTo: toMs, count: amount }))}
              />
            </>
          )}
        </div>
      </div>
      {history.length > 0 && (
        <details>
          <summary>{words.history(history.length)}</summary>
          <ul class="plain">
            {history.toReversed().map(({ at, state: former, cause: why }, index) => (
              <li key={index}>
                <span class="muted">{dateTime(at)}</span> <StateMark state={former} /> {why}
              </li>
            ))}
          </ul>
        </details>
      )}
      {service.options !== null && <Offers options={service.options} />}
      {service.optionsHead !== null && <Received head={service.optionsHead} />}
      <Doctor service={service} />
    </Panel>
  );
}

/** What the service offered in its answer to OPTIONS. */
function Offers({ options }: { options: OptionsReport }): JSX.Element {
  const words = texts.services.offers;
  const { methods, preview, allow204, maxConnections, istag } = options;
  return (
    <details>
      <summary>{texts.services.options}</summary>
      <Facts
        facts={[
          [words.methods, methods?.join(', ')],
          [words.preview, preview === null ? null : bytes(preview)],
          [words.allow204, allow204 ? texts.common.yes : texts.common.no],
          [words.maxConnections, maxConnections === null ? null : count(maxConnections)],
          [words.istag, <code class="break">{istag}</code>],
        ]}
      />
    </details>
  );
}

/** The head of that answer, byte for byte. */
function Received({ head }: { head: CapturedBody }): JSX.Element {
  const words = texts.services;
  const data = bytesOf(head.base64);
  return (
    <details>
      <summary>{words.optionsReceived}</summary>
      <div class="stack">
        <div class="row">
          <CopyButton text={latin1Of(data)} />
          <span class="muted small">{head.truncated ? words.cut(bytes(head.bytes)) : bytes(head.bytes)}</span>
        </div>
        <pre class="head" tabIndex={0} role="region" aria-label={words.optionsReceived}>
          {visibleOf(data)}
        </pre>
      </div>
    </details>
  );
}

const ms = (value: number | null): string => (value === null ? '–' : duration(value));

function counted(verdicts: Readonly<Record<string, number>>): string {
  return Object.entries(verdicts)
    .map(([verdict, amount]) => `${verdict} ${count(amount)}`)
    .join(', ');
}
