// How pages look to the users of one organisation: its style sheet, logo, words and templates on top of the
// built-in ones. Which files these come from, and what may be wrong with them, is load-look.ts.

import { createHash } from 'node:crypto';
import type { Html } from '../escape.ts';
import { STYLE } from '../style.ts';
import type { Catalogue } from '../texts.ts';
import type { Template } from './template.ts';

/** What a template folder holds; null where the built-in part stays. */
export interface LookParts {
  readonly html: Template | null;
  readonly text: Template | null;
  /** Comes after the built-in style sheet. */
  readonly style: string | null;
  /** Markup of the logo. */
  readonly logo: Html | null;
  /** By language; those of the built-in languages are complete, and so are new ones. */
  readonly catalogues: ReadonlyMap<string, Catalogue>;
}

export interface Look extends LookParts {
  /** The whole style sheet. */
  readonly sheet: string;
  /** Content-Security-Policy of a page without a form: this style sheet, the logo, and nothing else. */
  readonly policy: string;
}

/** Completes the parts of a look. */
export function lookOf(parts: LookParts): Look {
  const sheet = parts.style === null ? STYLE : `${STYLE}\n${parts.style}`;
  const hash = createHash('sha256').update(sheet).digest('base64');
  const images = parts.logo === null ? '' : 'img-src data:; ';
  const policy = `default-src 'none'; ${images}style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  return { ...parts, sheet, policy };
}

/** The policy of the same page with one form that goes to its own origin; no page may frame it. */
export function withForm(policy: string): string {
  return `${policy.replace("form-action 'none'", "form-action 'self'")}; frame-ancestors 'none'`;
}
