// The plan of an Office document (OPC, ISO/IEC 29500-2): its content types, and the relationships by which
// its parts point at one another and at what is outside.

import { countOf, escapeXml, tagsOf, XmlError, type Tag } from './xml.ts';

export const CONTENT_TYPES = '[content_types].xml';

export interface Relationship {
  readonly id: string;
  readonly type: string;
  readonly target: string;
  readonly external: boolean;
  /** Name of the part that it leads to, lower case; null where that is outside. */
  readonly part: string | null;
}

/** Name of the part that a relationships part is about, lower case; '' for the package; null for other parts. */
export function sourceOf(name: string): string | null {
  const match = /^(.*?)_rels\/([^/]*)\.rels$/.exec(name.toLowerCase());
  return match === null ? null : match[1]! + match[2]!;
}

/** @throws {XmlError} something in it is not read as Office reads it */
export function readRelationships(xml: string, source: string): Relationship[] {
  const tags = tagsOf(xml, 'Relationship');
  if (tags.length !== countOf(xml, 'Relationship')) throw new XmlError('its relationships cannot be read');
  return tags.map(({ attributes }) => {
    const target = attributes.get('Target') ?? '';
    const external = (attributes.get('TargetMode') ?? '').toLowerCase() === 'external';
    const part = external ? null : partOf(target, source);
    return { id: attributes.get('Id') ?? '', type: attributes.get('Type') ?? '', target, external, part };
  });
}

export function formatRelationships(relationships: readonly Relationship[]): string {
  const rows = relationships.map(
    ({ id, type, target, external }) =>
      `<Relationship Id="${escapeXml(id)}" Type="${escapeXml(type)}" Target="${escapeXml(target)}"${external ? ' TargetMode="External"' : ''}/>`,
  );
  return (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' +
    `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${rows.join('')}</Relationships>`
  );
}

export interface ContentTypes {
  /** By extension, lower case. */
  readonly defaults: ReadonlyMap<string, string>;
  /** By part name, lower case, without first slash. */
  readonly overrides: ReadonlyMap<string, string>;
}

/** @throws {XmlError} as above */
export function readContentTypes(xml: string): ContentTypes {
  const [defaults, overrides] = [tagsOf(xml, 'Default'), tagsOf(xml, 'Override')];
  if (defaults.length !== countOf(xml, 'Default') || overrides.length !== countOf(xml, 'Override')) {
    throw new XmlError('its content types cannot be read');
  }
  const typeOf = ({ attributes }: Tag): string => attributes.get('ContentType') ?? '';
  return {
    defaults: new Map(
      defaults.map((tag) => [(tag.attributes.get('Extension') ?? '').toLowerCase(), typeOf(tag)]),
    ),
    overrides: new Map(overrides.map((tag) => [partName(tag.attributes.get('PartName') ?? ''), typeOf(tag)])),
  };
}

export function typeOfPart(name: string, { defaults, overrides }: ContentTypes): string {
  const extension = /\.([^./]*)$/.exec(name)?.[1] ?? '';
  return overrides.get(name) ?? defaults.get(extension) ?? '';
}

/** As parts are compared: lower case, no first slash, escapes of ordinary characters undone. */
export function partName(text: string): string {
  let name = text;
  try {
    name = decodeURIComponent(text);
  } catch {
    // an escape that is none: taken as it stands
  }
  return name.replaceAll('\\', '/').replace(/^\/+/, '').toLowerCase();
}

function partOf(target: string, source: string): string {
  const [path = ''] = target.split(/[?#]/, 1);
  const whole = /^[/\\]/.test(path) ? path : `${source.slice(0, source.lastIndexOf('/') + 1)}${path}`;
  const steps: string[] = [];
  for (const step of partName(whole).split('/')) {
    if (step === '..') steps.pop();
    else if (step !== '.' && step !== '') steps.push(step);
  }
  return steps.join('/');
}
