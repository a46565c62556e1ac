// Scans files with any ICAP server: exits with 0 when all are clean, 1 when one is blocked, 2 when one
// could not be scanned.
//
//   node examples/plain-node.mjs icap://127.0.0.1:1344/sandblast README.md photo.jpg

import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { IcapClient } from 'weir';

const [url, ...files] = process.argv.slice(2);
if (url === undefined || files.length === 0) {
  console.error('usage: node plain-node.mjs icap://host:port/service FILE …');
  process.exit(2);
}

const client = new IcapClient(url, { timeoutMs: 60_000 });
for (const file of files) {
  try {
    const { verdict, threat, body } = await client.respmod({
      request: { url: `http://localhost/${encodeURIComponent(basename(file))}` },
      response: { headers: { 'Content-Type': 'application/octet-stream' } },
      body: createReadStream(file),
    });
    body?.destroy(); // the content again, or the block page: not wanted here
    console.log(verdict === 'blocked' ? `${file}: blocked (${threat.name})` : `${file}: clean`);
    if (verdict === 'blocked') process.exitCode ??= 1;
  } catch (error) {
    console.error(`${file}: not scanned: ${error.message}`);
    process.exitCode = 2;
  }
}
client.close();
