// One TLS context that takes on one leaf after the other. For names met for the first time: to parse a key
// into a context of their own costs Node 20 twice as much as the handshake's signature. Which names get a
// context of their own, and when, is leaf-cache.ts.

import type { SecureContext } from 'node:tls';

/** The part of Node's native context that is used here: there from Node 0.10 to 24, but not documented. */
interface NativeContext {
  setCert?(pem: string): void;
}

export class SharedContext {
  readonly #context: SecureContext;
  readonly #native: Required<NativeContext>;

  private constructor(context: SecureContext, native: Required<NativeContext>) {
    this.#context = context;
    this.#native = native;
  }

  /**
   * @param context  with the key that all its leafs have, and a certificate
   * @returns null where this version of Node does not let a certificate be exchanged
   */
  static of(context: SecureContext): SharedContext | null {
    const native = context.context as NativeContext | undefined;
    return typeof native?.setCert === 'function'
      ? new SharedContext(context, native as Required<NativeContext>)
      : null;
  }

  /**
   * The context with this leaf in it, until the next call. A connection takes its certificate when it is
   * made (OpenSSL's `SSL_new` copies the references), so its TLSSocket has to be made in the same turn.
   *
   * @param pem  leaf and chain; the leaf has the context's key
   */
  bearing(pem: string): SecureContext {
    this.#native.setCert(pem);
    return this.#context;
  }
}
