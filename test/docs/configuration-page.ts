// docs/configuration.md as text, from the schema: the page is written by `npx tsx` of this file and held
// equal by configuration.test.ts, so that no key can be missing or described differently.

import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type ConfigReferenceEntry, configReference } from '../../src/config/reference.ts';

export const CONFIGURATION_PAGE = fileURLToPath(new URL('../../docs/configuration.md', import.meta.url));
export const WRITE_COMMAND = 'npx tsx test/docs/configuration-page.ts';

const INTRODUCTION = `# Configuration

YAML: \`--config FILE\`, else \`./weir.yaml\`, else the defaults. Every key is optional. Relative paths are seen from the file's folder. Sizes are written \`64KiB\`, \`10MB\`; durations \`250ms\`, \`30s\`, \`5m\`. \`weir check\` names each problem with its line; an unknown key is an error.

In a key \`*\` stands for a name of your choice, \`[]\` for each item of a list. This page is written from the schema: \`${WRITE_COMMAND}\`.
`;

/** The whole page. */
export function configurationPage(): string {
  const sections = new Map<string, ConfigReferenceEntry[]>();
  for (const entry of configReference()) {
    const top = entry.path.split(/[.[]/, 1)[0]!;
    sections.set(top, [...(sections.get(top) ?? []), entry]);
  }
  const tables = [...sections].map(([top, entries]) => {
    const description = entries.find(({ path }) => path === top)?.description ?? '';
    const keys = entries.filter(({ path, type }) => path !== top || type !== 'section');
    const rows = keys.map(row).join('\n');
    return `## ${top}\n\n${description}\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n${rows}\n`;
  });
  return `${INTRODUCTION}\n<!-- prettier-ignore-start -->\n\n${tables.join('\n')}\n<!-- prettier-ignore-end -->\n`;
}

function row({ path, type, default: preset, description }: ConfigReferenceEntry): string {
  const cells = [code(path), escaped(type), preset === '' ? '' : code(preset), escaped(description)];
  return `| ${cells.join(' | ')} |`;
}

const escaped = (text: string): string => text.replace(/[|*[\]<]/g, '\\$&');
const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(CONFIGURATION_PAGE, configurationPage());
}
