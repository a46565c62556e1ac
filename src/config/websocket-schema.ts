// The schema of adaptation.webSocket: what happens to messages of WebSockets. What the keys do is
// src/proxy/websocket.

import { flag, key, section, size } from './values.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

export const adaptationWebSocket = section(
  {
    inspect: key(
      flag,
      true,
      'Whether messages go through the rules, outgoing ones as REQMOD, incoming ones as RESPMOD. False: WebSockets pass as `notScanned.stream` says.',
    ),
    maxMessage: key(
      size(KiB, 1024 * MiB),
      '16MiB',
      'Bytes of a message that services see at once. What is larger is judged in pieces of that size, or refused, as `notScanned.size` says.',
    ),
  },
  'Messages of WebSockets.',
);
