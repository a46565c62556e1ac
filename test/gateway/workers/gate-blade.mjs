// A blade that asks the test for every verdict, over a socket: the test sees which process judges, and
// holds it as long as it likes. Also what a broken plugin may do: end its process, or never give way.

import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { allow, definePlugin } from 'weir';

export default definePlugin({
  name: 'gate',
  version: '1.0.0',
  options: { parse: (value) => value },
  setup({ blade, options }) {
    if (existsSync(options.broken)) process.exit(7);
    blade({
      name: 'gate',
      judges: options.judges,
      fingerprint: () => options.rules,
      inspect: ({ url }) => {
        if (url.endsWith('/hang')) for (;;);
        return new Promise((resolve, reject) => {
          const gate = connect(options.port, '127.0.0.1', () => gate.write(`${process.pid} ${url}\n`));
          gate.once('data', () => {
            gate.destroy();
            resolve(allow());
          });
          gate.once('error', reject);
        });
      },
    });
  },
});
