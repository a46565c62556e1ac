// Compiles src/ and plugins/ into dist/ with the TypeScript compiler (tsconfig.build.json), and bundles the
// dashboard's pages in web/ into dist/web. The output is written beside dist/ and renamed into place, so that a
// process which starts meanwhile sees either the old build or the new one, and files of deleted sources do not
// linger. Prints to standard error.

import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

// TypeScript 6 does not rewrite the extension in an import() within a block that declares `using`.
const TYPESCRIPT_IMPORT = /\bimport\(\s*['"]\.[^'"]*\.ts['"]/;

/**
 * Builds dist/.
 * @param {string} root folder of the checkout
 * @returns {Promise<boolean>} false when the sources have errors, which have been printed; dist/ is then unchanged
 */
export async function build(root) {
  const startedAt = new Date();
  const program = createProgram(path.join(root, 'tsconfig.build.json'));
  const outDir = path.join(root, 'dist');
  const staging = path.join(root, '.weir', `build-${process.pid}`);
  const unresolved = [];
  try {
    // outDir stays dist/, since imports of `weir` and the paths in source maps depend on it; only the
    // writing is redirected.
    const emitted = program.emit(undefined, (file, text) => {
      const target = path.join(staging, path.relative(outDir, path.resolve(file)));
      mkdirSync(path.dirname(target), { recursive: true });
      writeFileSync(target, text);
      if (file.endsWith('.js') && TYPESCRIPT_IMPORT.test(text)) unresolved.push(path.relative(root, file));
    });
    const problems = [...ts.getPreEmitDiagnostics(program), ...emitted.diagnostics];
    if (problems.length > 0) {
      process.stderr.write(ts.formatDiagnosticsWithColorAndContext(unique(problems), formatHost(root)));
      process.stderr.write(`weir: the build failed with ${problems.length} error(s)\n`);
      return false;
    }
    if (unresolved.length > 0) {
      process.stderr.write(`weir: the compiler left an import of a .ts file in ${unresolved.join(', ')}:\n`);
      process.stderr.write('weir: move import() out of a function that has a `using` declaration\n');
      return false;
    }
    if (!(await bundlePages(root, path.join(staging, 'web')))) return false;
    const stamp = path.join(staging, '.built');
    writeFileSync(stamp, '');
    utimesSync(stamp, startedAt, startedAt); // a source that changed during the build is newer than it
    replace(outDir, staging);
    return true;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Bundles web/ as web/vite.config.ts says. Its types are the type check's business, not the build's. */
async function bundlePages(root, outDir) {
  const { build: bundle } = await import('vite'); // not needed, and not loaded, when the sources have errors
  try {
    await bundle({ configFile: path.join(root, 'web/vite.config.ts'), build: { outDir } });
    return true;
  } catch (error) {
    process.stderr.write(`${error.message}\nweir: the build of web/ failed\n`);
    return false;
  }
}

function createProgram(configPath) {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: fail };
  const config = ts.getParsedCommandLineOfConfigFile(configPath, undefined, host);
  if (config.errors.length > 0) fail(config.errors[0]);
  return ts.createProgram({
    rootNames: config.fileNames,
    options: config.options,
    projectReferences: config.projectReferences,
    configFileParsingDiagnostics: config.errors,
  });
}

function fail(diagnostic) {
  throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
}

const unique = (diagnostics) => ts.sortAndDeduplicateDiagnostics(diagnostics);

const formatHost = (root) => ({
  getCurrentDirectory: () => root,
  getCanonicalFileName: (file) => file,
  getNewLine: () => '\n',
});

/** Puts `next` where `current` is; the moment without either is one rename long. */
function replace(current, next) {
  const old = `${next}-old`;
  try {
    renameSync(current, old);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  renameSync(next, current);
  rmSync(old, { recursive: true, force: true });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = (await build(fileURLToPath(new URL('..', import.meta.url)))) ? 0 : 1;
}
