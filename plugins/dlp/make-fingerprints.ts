// Command line: makes a file of fingerprints from a folder of documents.
// node dist/plugins/dlp/make-fingerprints.js FOLDER FILE

import { stat, writeFile } from 'node:fs/promises';
import { fingerprintFolder, formatFingerprints } from './fingerprint-file.ts';

const USAGE = `Usage: node make-fingerprints.js FOLDER FILE
Writes fingerprints of all documents below FOLDER to FILE, for the dlp plugin's option fingerprints.files.
The text of a document cannot be had back from its fingerprints; the names of the documents are in FILE.
Example: node node_modules/weir/dist/plugins/dlp/make-fingerprints.js contracts secret/contracts.json
`;

const [folder, file, ...more] = process.argv.slice(2);
if (folder === '--help') process.stdout.write(USAGE);
else if (folder === undefined || file === undefined || more.length > 0) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else {
  try {
    if (!(await stat(folder)).isDirectory()) throw new Error(`${folder} is not a folder`);
    const documents = await fingerprintFolder(folder);
    await writeFile(file, formatFingerprints(documents), { mode: 0o600 });
    const total = documents.reduce((sum, { hashes }) => sum + hashes.length, 0);
    process.stdout.write(`${file}: ${documents.length} documents, ${total} fingerprints\n`);
  } catch (error) {
    process.stderr.write(`make-fingerprints: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
