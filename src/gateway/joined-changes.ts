// The changes of several blades to one message. Each blade has seen the message as it came, so two changes go
// together only where they touch different parts of it: a blade whose change would be lost has failed.

import { PluginError } from '../errors.ts';
import type { RawHeaders } from '../icap/codec/http-head.ts';
import type { ModifyVerdict } from '../plugin/api.ts';

/**
 * Both changes as one.
 * @param original  header fields of the message as it came
 * @param blade  who asks for `second`
 * @throws {PluginError} `ERR_PLUGIN_FAILED`: both change the body, the target, or one field differently
 */
export function joinedChanges(
  first: ModifyVerdict,
  second: ModifyVerdict,
  original: RawHeaders,
  blade: string,
): ModifyVerdict {
  if (changesBody(first) && changesBody(second)) throw clash(blade, 'the body');
  if (first.target !== undefined && second.target !== undefined && first.target !== second.target)
    throw clash(blade, 'the target');
  const joined = { ...first, ...second };
  if (first.headers === undefined || second.headers === undefined) return joined;
  return { ...joined, headers: joinedFields(original, first.headers, second.headers, blade) };
}

function changesBody({ body, prefix, keepFrom = 0 }: ModifyVerdict): boolean {
  return body !== undefined || prefix !== undefined || keepFrom !== 0;
}

/** `first`, with what `second` has changed of the original. */
function joinedFields(
  original: RawHeaders,
  first: readonly string[],
  second: readonly string[],
  blade: string,
): readonly string[] {
  const [before, one, other] = [byName(original), byName(first), byName(second)];
  const changedBy = (fields: Map<string, string[]>, name: string): boolean =>
    fields.get(name)?.join('\n') !== before.get(name)?.join('\n');
  const isAgreed = (name: string): boolean => one.get(name)?.join('\n') === other.get(name)?.join('\n');
  const names = [...new Set([...before.keys(), ...other.keys()])];
  const taken = names.filter((name) => changedBy(other, name) && !isAgreed(name));
  const disputed = taken.find((name) => changedBy(one, name));
  if (disputed !== undefined) throw clash(blade, `the field ${disputed}`);
  const fields = pairsOf(first).filter(([name]) => !taken.includes(name.toLowerCase()));
  fields.push(...pairsOf(second).filter(([name]) => taken.includes(name.toLowerCase())));
  return fields.flat();
}

function byName(headers: readonly string[]): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  for (const [name, value] of pairsOf(headers)) {
    const key = name.toLowerCase();
    fields.set(key, [...(fields.get(key) ?? []), value]);
  }
  return fields;
}

function pairsOf(headers: readonly string[]): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) pairs.push([headers[i]!, headers[i + 1]!]);
  return pairs;
}

function clash(blade: string, part: string): PluginError {
  const text = `${blade} changes ${part} of a message, which another blade has changed already; let one of them do both, or give them services of their own in a chain`;
  return new PluginError('ERR_PLUGIN_FAILED', text, { blade });
}
