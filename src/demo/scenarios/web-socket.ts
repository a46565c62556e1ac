// A WebSocket of which one message is malware: the messages before it pass, that one does not, and the
// connection is closed with 1008 (RFC 6455 §7.4.1).

import { eicar } from '../samples.ts';
import type { Scenario } from '../scenario.ts';

const HELLO = 'hello, is anybody there?';
const NORMAL = 1000; // RFC 6455 §7.4.1
const POLICY_VIOLATION = 1008;

const PAGE = `<!doctype html>
<title>Chat</title>
<h1>A chat over a WebSocket</h1>
<form><input id="text" size="40" value="${HELLO}"> <button>Send</button></form>
<pre id="log"></pre>
<script>
  const log = (line) => { document.getElementById('log').textContent += line + '\\n'; };
  const socket = new WebSocket('wss://' + location.host + '/socket');
  socket.onopen = () => log('connected');
  socket.onmessage = ({ data }) => log(data);
  socket.onclose = ({ code, reason }) => log('closed with ' + code + ' ' + reason);
  document.forms[0].onsubmit = () => { socket.send(document.getElementById('text').value); return false; };
</script>
`;

export const webSocket: Scenario = {
  name: 'web-socket',
  title: 'A WebSocket message',
  about: 'The first message of a chat passes; the second holds malware, and the connection is closed.',
  pages: { 'chat/': { type: 'text/html; charset=utf-8', body: Buffer.from(PAGE) } },
  visit: 'chat/',
  ownGatewayOnly: false,
  async play({ client, origin, traced }) {
    const malware = eicar().toString();
    const talk = await client.converse(origin.url('chat', '/socket'), [HELLO, malware]);
    const trace = await traced(({ url, webSocket: connection, webSocketMessage: message }) => {
      // A message has a record of its own only where it was stopped.
      return url.endsWith('/socket') && (talk.closeCode === NORMAL ? connection : message) !== undefined;
    });
    return {
      acts: [{ label: null, expected: 'blocked', trace }],
      checks: [
        { what: 'the first message came back from the origin', ok: talk.received[0] === `echo: ${HELLO}` },
        { what: 'the second never reached it', ok: !origin.messages.includes(malware) },
        {
          what: `the connection was closed for its content, with 1008 (seen: ${talk.closeCode})`,
          ok: talk.closeCode === POLICY_VIOLATION,
        },
      ],
    };
  },
};
