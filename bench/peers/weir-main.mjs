// Starts the built command line without the bootstrap of bin/weir, which would build again on the tested
// core, in the middle of a run, if a source had changed meanwhile.
import process from 'node:process';

const { run } = await import('../../dist/src/cli/main.js');
process.exit(await run(process.argv.slice(2)));
