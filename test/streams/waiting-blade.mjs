// A blade that judges nothing until it is told to stop, and logs both: what an abort reaches.

import { definePlugin } from 'weir';

export default definePlugin({
  name: 'waiting',
  version: '1.0.0',
  setup({ blade, log }) {
    blade({
      name: 'waiting',
      inspect: (_message, signal) =>
        new Promise((_resolve, reject) => {
          log.info({}, 'scan began');
          signal.addEventListener('abort', () => {
            log.info({ at: Date.now() }, 'scan aborted');
            reject(signal.reason);
          });
        }),
    });
  },
});
