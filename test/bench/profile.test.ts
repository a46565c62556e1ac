import { expect, test } from '@jest/globals';

import { selfTimes } from '../../bench/profile.ts';

const node = (id: number, functionName: string, url = '', lineNumber = -1) => ({
  id,
  callFrame: { functionName, url, lineNumber },
});

test('self time is summed over a function’s nodes, idle time left out, and sorted', () => {
  const times = selfTimes({
    nodes: [
      node(1, '(idle)'),
      node(2, 'relay', 'file:///home/somebody/weir/dist/src/proxy/relay.js', 41),
      node(3, '', 'node:net', 9),
      node(4, 'relay', 'file:///home/somebody/weir/dist/src/proxy/relay.js', 41),
    ],
    samples: [1, 2, 3, 4, 1],
    timeDeltas: [5000, 100, 50, 250, 9000],
  });
  expect(times).toEqual([
    { place: 'relay  dist/src/proxy/relay.js:42', micros: 350, share: 350 / 400 },
    { place: '(anonymous)  node:net:10', micros: 50, share: 50 / 400 },
  ]);
});
