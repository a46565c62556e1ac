// A body in the ways in which it can be read: text, JSON as a tree, image, members of an archive, and always
// bytes. What it is, its first bytes say; the Content-Type is only asked about charsets of texts.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { CapturedBody } from '../../api/types.ts';
import { bytesOf } from '../../bytes.ts';
import { DataTree } from '../../components/data-tree.tsx';
import { HexDump } from '../../components/hex-dump.tsx';
import { bytes } from '../../format.ts';
import { texts } from '../../texts/index.ts';
import { imageTypeOf, looksLikeText, textOf, zipMembers } from './body-kinds.ts';

export function BodyView({ body, type }: { body: CapturedBody; type: string }): JSX.Element {
  const words = texts.transaction.bodies;
  const data = useMemo(() => bytesOf(body.base64), [body.base64]);
  const views = useMemo(() => viewsOf(data, body.base64, type), [data]);
  const names = Object.keys(views);
  const [chosen, setChosen] = useState(names[0]!);
  return (
    <div class="stack">
      <div class="row">
        <div class="chips" role="group" aria-label={words.as}>
          {names.map((name) => (
            <button
              type="button"
              class="chip"
              key={name}
              aria-pressed={name === chosen}
              onClick={() => setChosen(name)}
            >
              {words.kinds[name as keyof typeof words.kinds]}
            </button>
          ))}
        </div>
        <span class="muted small">
          {bytes(body.bytes)}
          {body.truncated && ` · ${words.truncated(bytes(data.length))}`}
        </span>
      </div>
      {(views[chosen] ?? views['hex'])!()}
    </div>
  );
}

type View = () => JSX.Element;

/** @returns the ways to show it, best first; `hex` is always there */
function viewsOf(data: Uint8Array, base64: string, type: string): Readonly<Record<string, View>> {
  const words = texts.transaction.bodies;
  const views: Record<string, View> = {};
  const image = imageTypeOf(data);
  if (image !== null) {
    views['image'] = () => (
      <img class="body-image" src={`data:${image};base64,${base64}`} alt={words.image} />
    );
  }
  const members = zipMembers(data);
  if (members.length > 0) {
    views['archive'] = () => (
      <ul class="archive">
        {members.map(({ name, size }, at) => (
          <li key={at}>
            <code class="break">{name}</code> <span class="muted">{size === null ? '' : bytes(size)}</span>
          </li>
        ))}
      </ul>
    );
  }
  if (looksLikeText(data)) {
    const text = textOf(data, type);
    const json = parsed(text);
    if (json !== undefined) views['json'] = () => <DataTree value={json} name={words.json} />;
    views['text'] = () => (
      <pre class="head body-text" tabIndex={0} role="region" aria-label={words.kinds.text}>
        {text}
      </pre>
    );
  }
  views['hex'] = () => <HexDump data={data} />;
  return views;
}

function parsed(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
}
