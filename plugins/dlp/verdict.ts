// From what was found, and what could not be searched, to one verdict.

import { allow, block, type Severity, type Verdict } from 'weir';
import type { Trouble } from 'weir/detect';
import type { DlpOptions } from './options.ts';

export interface Find {
  readonly name: string;
  /** For the user; never holds the find itself. */
  readonly text: string;
  /** Member path, '' for the body. */
  readonly place: string;
  readonly action: 'block' | 'log';
  readonly severity: Severity;
}

const SHOWN = 3; // finds named in a reason

export function judge(
  finds: readonly Find[],
  troubles: readonly Trouble[],
  policy: DlpOptions['onUnscannable'],
): Verdict {
  const blocking = finds.filter(({ action }) => action === 'block');
  if (blocking.length > 0) {
    const first = blocking[0]!;
    const texts = blocking
      .slice(0, SHOWN)
      .map(({ text, place }) => `${text} in ${place === '' ? 'the content' : printable(place)}`);
    const more = blocking.length > SHOWN ? ` and ${blocking.length - SHOWN} more` : '';
    return block({
      threat: `DLP:${first.name}`,
      severity: first.severity,
      reason: printable(texts.join('; ') + more),
    });
  }
  const refused = troubles.find(({ kind }) => policy[kind] === 'block');
  if (refused !== undefined) {
    const { kind, path, detail } = refused;
    const reason = `not searched: ${printable(detail)}${path === '' ? '' : ` in ${printable(path)}`}`;
    return block({ threat: `DLP:not-searched:${kind}`, severity: 'medium', reason });
  }
  const kinds = [...new Set(troubles.map(({ kind }) => kind))];
  return kinds.length === 0 ? allow() : allow(kinds.join(', '));
}

/** Member names are peer bytes: one printable line, cut. */
function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?').slice(0, 300);
}
