// ICAP fields that go from one service's answer into the requests to those after it in the same transaction:
// e2guardian, for one, refuses a RESPMOD without the X-ICAP-E2G of its REQMOD answer. K-72, V-20.

import { fieldValue, withoutField } from '../../icap/codec/fields.ts';
import type { RawHeaders } from '../../icap/codec/http-head.ts';

/** What a transaction has gathered so far. */
export interface SharedFields {
  headers: RawHeaders;
}

/** Takes the fields of these names over from an answer; a later value replaces an earlier one. */
export function share(names: readonly string[], answer: RawHeaders, shared: SharedFields): void {
  for (const name of names) {
    const lower = name.toLowerCase();
    const value = fieldValue(answer, lower);
    if (value !== undefined) shared.headers = [...withoutField(shared.headers, lower), name, value];
  }
}
