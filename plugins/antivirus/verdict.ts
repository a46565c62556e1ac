// From what the engines found, and what they could not look at, to one verdict.

import { allow, block, type Verdict } from 'weir';
import type { Trouble, TroubleKind } from 'weir/detect';
import type { AntivirusOptions } from './options.ts';
import type { ScanResult } from './scan-job.ts';
import { printable } from './text.ts';

type Policy = AntivirusOptions['onUnscannable'];

const NAMES: Readonly<Record<TroubleKind, string>> = {
  encrypted: 'Encrypted-Archive',
  budget: 'Archive-Bomb',
  malformed: 'Malformed-Archive',
  coding: 'Undecodable-Content',
  unsupported: 'Unsupported-Archive',
  oversized: 'Oversized-Archive',
};

/** Verdict for something found; the reason names the member where it was. */
export function blockHit({ threat, severity, path }: NonNullable<ScanResult['hit']>): Verdict {
  return block({
    threat,
    severity,
    reason: path === '' ? 'found in the content' : `found in ${place(path)}`,
  });
}

/** Verdict for what clamd found. */
export function blockSignature(signature: string): Verdict {
  return block({ threat: printable(signature), severity: 'high', reason: 'found in the content by ClamAV' });
}

/** Verdict where nothing was found: by the first trouble that blocks, else by what was not scanned. */
export function judgeTroubles(troubles: readonly Trouble[], policy: Policy): Verdict {
  const blocking = troubles.find(({ kind }) => policy[kind] === 'block');
  if (blocking !== undefined) {
    const { kind, path, detail } = blocking;
    return block({
      threat: NAMES[kind],
      severity: 'medium',
      reason: `not inspected: ${printable(detail)}${path === '' ? '' : ` in ${place(path)}`}`,
    });
  }
  const kinds = [...new Set(troubles.map(({ kind }) => kind))];
  return kinds.length === 0 ? allow() : allow(kinds.join(', '));
}

function place(path: string): string {
  return `archive member ${printable(path)}`;
}
