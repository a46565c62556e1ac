// Reads the schema as data: the table of all keys for documentation and `--help`, and which keys are
// known at a place, for spelling suggestions.

import type * as z from 'zod';
import type { ConfigPath } from './problems.ts';
import { configSchema } from './schema.ts';
import { typeNames } from './values.ts';

/** One key of the configuration. */
export interface ConfigReferenceEntry {
  /** `proxy.limits.connections`; `*` stands for a name that users choose, `[]` for each item of a list. */
  path: string;
  /** `1..1000000`, `host:port`, `section`, `map of section`, `list of host:port`, … */
  type: string;
  /** The default as one would write it (YAML flow style), empty where there is none. */
  default: string;
  description: string;
}

/** What a schema is below its wrappers. */
interface Unwrapped {
  schema: z.core.$ZodTypes;
  preset: unknown;
}

/** All keys in the order of the schema, each section before its keys. */
export function configReference(): ConfigReferenceEntry[] {
  const entries: ConfigReferenceEntry[] = [];
  const visit = (schema: z.core.$ZodType, path: string) => {
    const { schema: inner, preset } = unwrap(schema);
    if (path !== '') {
      const description = (schema as z.ZodType).description ?? '';
      const unnamed = description === '' && /(?:\[\]|\*)$/.test(path); // told with the list or map it is in
      if (!unnamed)
        entries.push({ path, type: typeName(inner), default: presetText(inner, preset), description });
    }
    for (const [name, child] of children(inner)) visit(child, join(path, name));
  };
  visit(configSchema, '');
  return entries;
}

/** Keys that the section at a path may have; null when there is no such section. */
export function knownKeys(path: ConfigPath): string[] | null {
  let at = unwrap(configSchema).schema;
  for (const part of path) {
    const below = new Map(children(at));
    const child = below.get(String(part)) ?? below.get('*') ?? below.get('[]');
    if (child !== undefined) at = unwrap(child).schema;
    else if (typeof part !== 'number') return null;
  }
  const names = children(listItem(at)).map(([name]) => name);
  return names.length === 0 || names.includes('*') ? null : names;
}

/** The only path in the schema that ends in this key, or null: for keys written in the wrong section. */
export function onlyPlaceOf(key: string): string | null {
  const places = configReference().filter((entry) => entry.path.split('.').at(-1) === key);
  return places.length === 1 ? (places[0]?.path ?? null) : null;
}

/** Keys of a section; `*` for the values of a map; for a list of sections `[]`; nothing for values. */
function children(schema: z.core.$ZodTypes): [string, z.core.$ZodType][] {
  if (schema._zod.def.type === 'object') return Object.entries(schema._zod.def.shape);
  if (schema._zod.def.type === 'record') return [['*', schema._zod.def.valueType]];
  if (schema._zod.def.type === 'array' && listItem(schema) !== schema) {
    return [['[]', schema._zod.def.element]];
  }
  return [];
}

/** The section that a list consists of; anything else unchanged. */
function listItem(schema: z.core.$ZodTypes): z.core.$ZodTypes {
  if (schema._zod.def.type !== 'array') return schema;
  const item = unwrap(schema._zod.def.element).schema;
  return item._zod.def.type === 'object' ? item : schema;
}

function unwrap(schema: z.core.$ZodType): Unwrapped {
  let at = schema as z.core.$ZodTypes;
  let preset: unknown;
  for (;;) {
    const def = at._zod.def;
    if (def.type === 'prefault') {
      preset ??= def.defaultValue;
      at = def.innerType as z.core.$ZodTypes;
    } else if (def.type === 'optional' || def.type === 'nullable') {
      at = def.innerType as z.core.$ZodTypes;
    } else if (def.type === 'pipe' && typeNames.get(at) === undefined) {
      at = def.out as z.core.$ZodTypes; // z.preprocess: a transformation, then the schema proper
    } else {
      return { schema: at, preset };
    }
  }
}

function typeName(schema: z.core.$ZodTypes): string {
  const named = typeNames.get(schema);
  if (named !== undefined) return named.type;
  const def = schema._zod.def;
  if (def.type === 'record') return `map of ${typeName(unwrap(def.valueType).schema)}`;
  if (def.type === 'array') return `list of ${typeName(unwrap(def.element).schema)}`;
  return 'section';
}

function presetText(schema: z.core.$ZodTypes, preset: unknown): string {
  const type = schema._zod.def.type;
  if (type === 'record' || (type === 'object' && preset !== null)) return '';
  return preset === undefined ? '' : flow(preset);
}

/** YAML flow style, quoted only where the plain text would not be read back as text. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const pairs = Object.entries(value).map(([name, item]) => `${name}: ${flow(item)}`);
    return `{ ${pairs.join(', ')} }`;
  }
  if (typeof value === 'string') return /^[\w./][\w./:-]*$/.test(value) ? value : JSON.stringify(value);
  return String(value);
}

function join(path: string, name: string): string {
  if (name === '[]') return `${path}[]`;
  return path === '' ? name : `${path}.${name}`;
}
