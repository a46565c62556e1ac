// The load process: obeys one request of the bench at a time and answers it.
import { serveHelper } from '../host/helper.ts';
import { Driver } from './driver.ts';
import type { LoadRequest, PhaseResult } from './protocol.ts';

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

serveHelper(obey);
