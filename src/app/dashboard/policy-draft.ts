// One change of a form made in the text of the configuration: a rule added, changed, moved or taken away, a
// profile set. All the rest of the text, its comments above all, stays; whether the result is right is checked
// by others.

import { isDeepStrictEqual } from 'node:util';
import type { Document } from 'yaml';
import { isMap, isSeq, parseDocument } from 'yaml';
import { BUILT_IN_PROFILES } from '../../config/profiles.ts';
import type { PolicyChange } from '../../dashboard/api/types.ts';
import { usersOfProfile } from './profile-users.ts';

type Key = string | number;
type ListChange = Extract<PolicyChange, { list: string }>;

const LISTS = { tls: ['proxy', 'tls', 'rules'], adaptation: ['adaptation', 'rules'] } as const;

/**
 * @param preset  rules that hold where the text has no such list
 * @returns the changed text, or why the change does not fit it
 */
export function withChange(
  text: string,
  change: PolicyChange,
  preset: Readonly<Record<ListChange['list'], readonly object[]>>,
): { readonly yaml: string } | { readonly refusal: string } {
  const document = parseDocument(text);
  if (document.errors.length > 0) return { refusal: 'the text is not YAML: mend that first' };
  try {
    const refusal =
      'list' in change ? changeList(document, change, preset[change.list]) : changeProfile(document, change);
    if (refusal !== null) return { refusal };
    return { yaml: document.toString({ lineWidth: 0, ...styleOf(text) }) };
  } catch {
    return { refusal: 'the text has something else where the change belongs' }; // e.g. `proxy: 1`
  }
}

/** How the text is set, so that lines which nobody has changed stay as they are. */
function styleOf(text: string): { indent: number; indentSeq: boolean } {
  const width = /^( {2,8})(?=[^\s#-])/m.exec(text)?.[1]?.length ?? 2;
  return { indent: width, indentSeq: !/^( *)[^\s#-][^\n]*:[ \t]*\n\1- /m.test(text) };
}

function changeList(document: Document, change: ListChange, preset: readonly object[]): string | null {
  const path = LISTS[change.list];
  if (document.getIn(path) == null) document.setIn(path, document.createNode(preset));
  const list = document.getIn(path);
  if (!isSeq(list)) return `${path.join('.')} is not a list`;
  const { items } = list;
  const last = change.do === 'add' ? items.length : items.length - 1;
  if (!isPlace(change.at, last)) return `there is no rule ${change.at} in ${path.join('.')}`;
  switch (change.do) {
    case 'add':
      items.splice(change.at, 0, document.createNode(withoutNulls(change.value)));
      return null;
    case 'replace':
      merge(document, [...path, change.at], change.value);
      return null;
    case 'remove':
      items.splice(change.at, 1);
      return null;
    case 'move':
      if (!isPlace(change.to, last)) return `there is no place ${change.to} in ${path.join('.')}`;
      items.splice(change.to, 0, ...items.splice(change.at, 1));
      return null;
  }
}

function changeProfile(
  document: Document,
  change: Extract<PolicyChange, { profile: string }>,
): string | null {
  const { profile } = change;
  const path = ['profiles', profile];
  if (change.do === 'set') {
    merge(document, path, change.value);
    return null;
  }
  const users = BUILT_IN_PROFILES.has(profile)
    ? []
    : usersOfProfile(document.toJS({ maxAliasCount: 100 }), profile);
  if (users.length > 0) {
    return `profile ${profile} is in use: give ${users.map(({ key }) => key).join(', ')} another one first`;
  }
  if (!document.deleteIn(path)) return `the text has no profile ${profile}`;
  const rest = document.get('profiles');
  if (isMap(rest) && rest.items.length === 0) document.delete('profiles');
  return null;
}

/** As JSON Merge Patch (RFC 7396): maps are merged, null takes a key away, all else takes the place. */
function merge(document: Document, path: readonly Key[], value: unknown): void {
  const old = document.getIn(path);
  if (value === null) {
    if (old !== undefined) document.deleteIn(path);
  } else if (isPlainMap(value)) {
    const wasEmpty = isMap(old) && old.items.length === 0;
    if (!isMap(old)) document.setIn(path, document.createNode({}));
    for (const [key, part] of Object.entries(value)) merge(document, [...path, key], part);
    const now = document.getIn(path);
    const isLeftOver = isMap(now) && now.items.length === 0 && !wasEmpty && path.length > 2;
    if (isLeftOver) document.deleteIn(path); // a `when` of which nothing is left
  } else if (!isDeepStrictEqual(plain(document, old), value)) {
    document.setIn(path, Array.isArray(value) ? document.createNode(value) : value);
  }
}

function plain(document: Document, node: unknown): unknown {
  return isSeq(node) || isMap(node) ? node.toJS(document, { maxAliasCount: 100 }) : node;
}

function withoutNulls(value: unknown): unknown {
  if (!isPlainMap(value)) return value;
  const entries = Object.entries(value).map(([key, part]) => [key, withoutNulls(part)] as const);
  return Object.fromEntries(entries.filter(([, part]) => part !== null && !isEmptyMap(part)));
}

function isEmptyMap(value: unknown): boolean {
  return isPlainMap(value) && Object.keys(value).length === 0;
}

function isPlainMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPlace(at: number, last: number): boolean {
  return Number.isInteger(at) && at >= 0 && at <= last;
}
