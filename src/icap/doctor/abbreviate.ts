// Bytes of a dialogue as one line for a report: escaped, cut in the middle, EICAR masked.

import type { Transcript } from '../probe/transcript.ts';
import { withoutEicar } from './samples.ts';

const HEAD = 420; // characters kept from the beginning
const TAIL = 80; // and from the end

/** Everything that went in one direction, abbreviated; ' | ' stands between dialogues. */
export function abbreviate(transcripts: readonly Transcript[], direction: 'sent' | 'received'): string {
  const texts = transcripts.map((transcript) => {
    const bytes = transcript.entries.filter((entry) => entry.direction === direction);
    return cut(withoutEicar(Buffer.concat(bytes.map((entry) => entry.bytes)).toString('latin1')));
  });
  const shown = texts.filter((text) => text !== '').slice(0, 3);
  const more = texts.length > 3 ? [`… ${texts.length - 3} more connections`] : [];
  return [...shown, ...more].join(' | ');
}

function cut(raw: string): string {
  if (raw.length <= HEAD + TAIL) return escaped(raw);
  return `${escaped(raw.slice(0, HEAD))} … ${raw.length - HEAD - TAIL} bytes … ${escaped(raw.slice(-TAIL))}`;
}

function escaped(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u00ff\\]/g, (character) => {
    if (character === '\r') return '\\r';
    if (character === '\n') return '\\n';
    if (character === '\\') return '\\\\';
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
