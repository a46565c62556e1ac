// A plugin with one blade: it blocks what bears a mark. gateway-service.mjs loads it.

import { allow, block, definePlugin } from 'weir';

const MARK = 'CONFIDENTIAL';

export default definePlugin({
  name: 'marks',
  version: '1.0.0',
  setup(ctx) {
    ctx.blade({
      name: 'marks',
      async inspect({ body }) {
        let last = ''; // a mark may lie across two chunks
        for await (const chunk of body?.stream() ?? []) {
          const text = last + chunk.toString('latin1');
          if (text.includes(MARK)) return block({ threat: 'Marked', reason: `it bears the mark ${MARK}` });
          last = text.slice(-MARK.length);
        }
        return allow();
      },
    });
  },
});
