// The default origin engine: our own HTTP/1.1 codec on every connection, so that nothing of a message is
// lost or rewritten on the way.

import type { Socket } from 'node:net';
import { SlabReader } from '../../util/slab-reader.ts';
import type { OriginTarget } from './engine.ts';
import { NativeConnection } from './native-connection.ts';
import { PooledEngine } from './pooled-engine.ts';
import type { ConnectionEvents, OriginConnection } from './pooled-engine.ts';

export class NativeEngine extends PooledEngine {
  readonly name = 'native';

  protected override makeReader(): SlabReader {
    return new SlabReader();
  }

  protected wrap(
    socket: Socket,
    reader: SlabReader | null,
    target: OriginTarget,
    responseTimeoutMs: number,
    events: ConnectionEvents,
  ): OriginConnection {
    return new NativeConnection(socket, reader, target, responseTimeoutMs, events);
  }
}
