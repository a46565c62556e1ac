// A plugin for the bench: its blade wants every body whole and lets it pass, so that a preview is always
// answered with 100 Continue, as it is before a real scan.
import { allow, definePlugin } from 'weir';

export default definePlugin({
  name: 'bench-whole-body',
  version: '1.0.0',
  setup(context) {
    context.blade({ name: 'whole', inspect: () => allow() });
  },
});
