// What notes of a transaction may keep alive while they wait for the disk.

import { setFlagsFromString } from 'node:v8';
import { setImmediate as turn } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import { IcapError } from '../../src/errors.ts';
import { ExchangeNote, OriginNote, ServiceNote } from '../../src/trace/notes.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Stands for whatever has a buffer of its own and makes an error: a socket, a parser, a body. */
class Connection {
  readonly buffer = Buffer.alloc(64 * 1024);

  fail(): IcapError {
    return new IcapError('ERR_ADAPT_UNAVAILABLE', 'the service has gone');
  }
}

const service = new ServiceNote('scan', 0);
const exchange = new ExchangeNote('127.0.0.1:1344', 0);
const origin = new OriginNote('site.test:443');

test.each([
  ['a service', service, (error: IcapError) => service.ends(error)],
  ['an exchange', exchange, (error: IcapError) => exchange.ends(null, error)],
  ['an origin', origin, (error: IcapError) => origin.fails(error)],
] as const)('what %s failed with is noted without what the error refers to', async (_what, note, fails) => {
  const makeAndForget = (): WeakRef<Connection> => {
    const connection = new Connection();
    fails(connection.fail());
    return new WeakRef(connection);
  };
  const connection = makeAndForget();
  await turn();
  collectGarbage();
  expect(connection.deref()).toBeUndefined();
  expect(note.error).toEqual({ code: 'ERR_ADAPT_UNAVAILABLE', message: 'the service has gone' });
});
