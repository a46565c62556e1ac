// Where a worker thread's code is: a .js file beside the compiled module, or the TypeScript source when
// the sources themselves run (tests, development). Node 20 does not load .ts as a worker's entry, so
// source-worker.mjs goes first there.

export interface WorkerEntry {
  readonly url: URL;
  /** Options that `new Worker(url, options)` needs for this entry; add your own. */
  readonly options: { readonly argv: string[] };
}

/**
 * @param moduleUrl `import.meta.url` of the module that starts the worker
 * @param name the worker's module relative to it and without ending, e.g. `./scan-worker`
 */
export function workerOptions(moduleUrl: string, name: string): WorkerEntry {
  if (!new URL(moduleUrl).pathname.endsWith('.ts')) {
    return { url: new URL(`${name}.js`, moduleUrl), options: { argv: [] } };
  }
  return {
    url: new URL('./source-worker.mjs', import.meta.url),
    options: { argv: [new URL(`${name}.ts`, moduleUrl).href] },
  };
}
