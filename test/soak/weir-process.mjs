// A Weir whose memory can be measured: runs the built command line with these arguments, and on SIGUSR2
// collects garbage and writes what is left as JSON into the file that WEIR_SOAK_MEMORY names.

import { renameSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const file = process.env.WEIR_SOAK_MEMORY;

process.on('SIGUSR2', () => {
  for (let times = 0; times < 3; times++) collect();
  writeFileSync(`${file}.new`, JSON.stringify(process.memoryUsage()));
  renameSync(`${file}.new`, file);
});

const { run } = await import(new URL('../../dist/src/cli/main.js', import.meta.url).href);
process.exitCode = await run(process.argv.slice(2));
