// An Express application whose uploads are scanned before its handlers see them. Run, with a gateway beside it:
//
//   npx weir gateway &
//   node examples/express-upload-scan.mjs
//   curl --data-binary @README.md http://127.0.0.1:3000/upload
//   curl --data-binary @eicar.com http://127.0.0.1:3000/upload     (the EICAR test file)
//
// The second upload is answered with the block page, and the handler is never called.

import { createHash } from 'node:crypto';
import express from 'express';
import { icapMiddleware } from 'weir';

const { ICAP = 'icap://127.0.0.1:1344/sandblast', PORT = '3000' } = process.env;

const scan = icapMiddleware({
  reqmod: ICAP,
  onRecord: ({ method, url, status, verdict, threat }) => {
    console.log(`${method} ${url} ${status} ${verdict}${threat === null ? '' : ` (${threat.name})`}`);
  },
});

const app = express();
app.use(scan); // before body parsers: they would read what is to be scanned
app.post('/upload', async (req, res) => {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of req) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  res.json({ bytes, sha256: hash.digest('hex') });
});

const server = app.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
