// One direction of an ICAP exchange as it was on the wire, part by part with offsets, each explained where the
// pointer is and beside it.

import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { CapturedBody, CapturedIcapExchange } from '../../api/types.ts';
import { bytesOf, visibleOf } from '../../bytes.ts';
import { ScrollBox } from '../../components/panel.tsx';
import { bytes } from '../../format.ts';
import { texts } from '../../texts/index.ts';
import { wireParts } from './icap-wire.ts';

const SHOWN_BYTES = 2048; // of one part

export function IcapBytes({ exchange }: { exchange: CapturedIcapExchange }): JSX.Element {
  const words = texts.transaction.wire;
  return (
    <section class="stack icap-step">
      <h3>{words.title(exchange.service, exchange.address)}</h3>
      <div class="grid-2">
        <Direction title={words.sent} captured={exchange.sent} />
        <Direction title={words.received} captured={exchange.received} />
      </div>
    </section>
  );
}

function Direction({ title, captured }: { title: string; captured: CapturedBody }): JSX.Element {
  const words = texts.transaction.wire;
  const data = useMemo(() => bytesOf(captured.base64), [captured.base64]);
  const parts = useMemo(() => wireParts(data), [data]);
  return (
    <section class="stack message">
      <h4>
        {title} <span class="muted">{bytes(captured.bytes)}</span>
      </h4>
      <ScrollBox label={title} tall>
        <ol class="wire" aria-label={title}>
          {parts.map(({ kind, from, to, about }) => (
            <li key={from} class={`wire-part wire-${kind}`} title={about}>
              <span class="wire-about">
                <code>{`${from}–${to - 1}`}</code> {about}
              </span>
              <code class="wire-bytes">
                {visibleOf(data.subarray(from, Math.min(to, from + SHOWN_BYTES)))}
              </code>
              {to - from > SHOWN_BYTES && (
                <span class="muted small">
                  {texts.transaction.bodies.rest(bytes(to - from - SHOWN_BYTES))}
                </span>
              )}
            </li>
          ))}
        </ol>
      </ScrollBox>
      {captured.truncated && <p class="muted small">{words.truncated(bytes(data.length))}</p>}
    </section>
  );
}
