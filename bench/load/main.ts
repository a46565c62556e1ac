// The load process: obeys one request of the bench at a time and answers it.
import { Driver } from './driver.ts';
import type { LoadReply, LoadRequest, PhaseResult } from './protocol.ts';

let driver: Driver | undefined;

async function obey(request: LoadRequest): Promise<PhaseResult | undefined> {
  switch (request.type) {
    case 'open':
      driver = new Driver(request.job);
      await driver.open();
      return undefined;
    case 'phase':
      return driver?.phase(request.limit);
    case 'hold':
      await driver?.hold(request.tunnels);
      return undefined;
    case 'close':
      driver?.close();
      driver = undefined;
      return undefined;
  }
}

function reply(message: LoadReply): void {
  process.send?.(message);
}

process.on('message', (request: LoadRequest) => {
  obey(request).then(
    (result) => reply(result === undefined ? { type: 'done' } : { type: 'done', result }),
    (error: unknown) =>
      reply({ type: 'failed', message: error instanceof Error ? error.message : String(error) }),
  );
});
// The bench has gone: so does its load.
process.on('disconnect', () => process.exit(0));
