// `weir plugins new`: writes a plugin that works at once, with its test. What it contains follows the tutorial
// (docs/plugins/tutorial.md).

import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '../errors.ts';
import { WEIR_VERSION } from '../util/version.ts';
import { shortPath } from './shell.ts';
import type { Terminal } from './terminal.ts';

const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;

/**
 * @param folder  where to write; null: a folder of that name in the working directory
 * @throws {ConfigError} `ERR_CONFIG_VALUE`: no name for a plugin, or the folder is there and not empty
 */
export async function newPlugin(
  name: string,
  folder: string | null,
  { stdout, cwd }: Terminal,
): Promise<void> {
  if (!NAME.test(name)) {
    throw new ConfigError('ERR_CONFIG_VALUE', 'a plugin has a name of lower-case letters, digits and dashes');
  }
  const target = path.resolve(cwd, folder ?? name);
  const there = await readdir(target).catch(() => []);
  if (there.length > 0) {
    const text = `${shortPath(target, cwd)} is not empty: name another folder with --folder`;
    throw new ConfigError('ERR_CONFIG_VALUE', text);
  }
  await mkdir(target, { recursive: true });
  for (const [file, text] of Object.entries(pluginFiles(name))) {
    await writeFile(path.join(target, file), text, { flag: 'wx' });
  }
  const short = shortPath(target, cwd);
  const use = path.isAbsolute(short) || short.startsWith('.') ? short : `./${short}`;
  stdout.write(
    [
      `wrote the plugin ${name} to ${short}`,
      '',
      'next:',
      `  cd ${short} && npm install && npm test`,
      `  add it to weir.yaml:  plugins: [./plugins/antivirus, ${use}]`,
      '  switch its blade on in a profile: see README.md',
      '  weir plugins list',
      '',
    ].join('\n'),
  );
}

/** The files of a new plugin, by name. */
export function pluginFiles(name: string): Record<string, string> {
  return {
    'index.mjs': source(name),
    'index.test.mjs': testOf(name),
    'package.json': packageOf(name),
    'README.md': readme(name),
  };
}

function packageOf(name: string): string {
  const content = {
    name: `weir-plugin-${name}`,
    version: '1.0.0',
    type: 'module',
    exports: './index.mjs',
    scripts: { test: 'node --test' },
    peerDependencies: { weir: `^${WEIR_VERSION}` },
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

function source(name: string): string {
  return `// ${name}: blocks messages that bear a mark.

import { allow, block, definePlugin } from 'weir';

const options = {
  parse(given) {
    const { mark = 'CONFIDENTIAL', ...unknown } = given;
    if (typeof mark !== 'string' || mark === '') throw new Error('mark must be a text');
    for (const key of Object.keys(unknown)) throw new Error(\`unknown option \${key}\`);
    return { mark };
  },
};

export default definePlugin({
  name: '${name}',
  version: '1.0.0',
  options,
  setup(ctx) {
    const { mark } = ctx.options;
    ctx.blade({
      name: '${name}',
      async inspect({ body }) {
        let last = ''; // a mark may lie across two chunks
        for await (const chunk of body?.stream() ?? []) {
          const text = last + chunk.toString('latin1');
          if (text.includes(mark)) return block({ threat: 'Marked', reason: \`it bears the mark \${mark}\` });
          last = text.slice(-mark.length);
        }
        return allow();
      },
    });
  },
});
`;
}

function testOf(name: string): string {
  return `import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createGateway, IcapClient } from 'weir';

let gateway;
let client;

before(async () => {
  gateway = createGateway({
    gateway: { listen: '127.0.0.1:0', services: { sandblast: { profile: 'marked' } } },
    profiles: { marked: { base: 'basic', blades: { '${name}': { enabled: true } } } },
    plugins: [{ use: fileURLToPath(new URL('./index.mjs', import.meta.url)), with: { mark: 'SECRET' } }],
  });
  await gateway.listen();
  client = new IcapClient(\`icap://\${gateway.gatewayAddresses[0]}/sandblast\`);
});

after(async () => {
  await client?.close();
  await gateway?.close();
});

const scan = (body) => client.respmod({ request: { url: 'http://a.example/' }, response: { status: 200 }, body });

test('${name} blocks what bears the mark', async () => {
  assert.equal((await scan('this is SECRET')).verdict, 'blocked');
});

test('${name} lets everything else pass', async () => {
  assert.equal((await scan('nothing special')).verdict, 'unmodified');
});
`;
}

function readme(name: string): string {
  return `# ${name}

A plugin for Weir: blocks messages that bear a mark.

\`\`\`yaml
plugins:
  - { use: ./${name}, with: { mark: CONFIDENTIAL } }
profiles:
  marked: { base: optimized, blades: { ${name}: { enabled: true } } }
gateway:
  services:
    sandblast: { profile: marked }
\`\`\`

| option | default        | meaning                        |
| ------ | -------------- | ------------------------------ |
| \`mark\` | \`CONFIDENTIAL\` | text that may not pass         |

\`npm test\` runs it in a gateway of its own.
`;
}
