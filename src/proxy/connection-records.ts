// Records and traces of what is no transaction of forward.ts: CONNECT itself, tunnels that are not looked
// into, connections that fail before there is a request to judge.

import type { WeirError } from '../errors.ts';
import type { ProxyRecord, Telemetry } from '../telemetry/records.ts';
import type { TraceSink, TunnelNote } from '../trace/notes.ts';
import { OriginNote, TransactionNotes } from '../trace/notes.ts';
import { newIncidentId } from '../util/incident-id.ts';
import { notScanned } from './adaptation/coverage.ts';
import type { PipelineOutput } from './adaptation/pipeline.ts';
import type { ProxyArrangement } from './arrangement.ts';
import type { Session, TunnelTls } from './session.ts';
import type { TlsFacts } from './tls-policy/rules.ts';
import type { TunnelRequest } from './tunnel-request.ts';

export class ConnectionRecords {
  readonly #telemetry: Telemetry;
  readonly #traces: TraceSink | null;

  constructor(telemetry: Telemetry, traces: TraceSink | null) {
    this.#telemetry = telemetry;
    this.#traces = traces;
  }

  /**
   * How a tunnel began, or why not; null where nobody traces.
   * @param action  what decided where no rule did: what was learned of the client, or that it is no TLS
   */
  opening(
    arrangement: ProxyArrangement,
    asked: TunnelRequest,
    authority: string,
    facts: TlsFacts,
    action: 'learned' | 'tunnel' | null,
  ): TunnelNote | null {
    if (this.#traces === null) return null;
    const ms = performance.now() - asked.startedAt;
    return { authority, rule: arrangement.tlsRule(facts, action), ms };
  }

  /** What services are asked about a CONNECT goes in here; null where nobody traces. */
  connectNotes({ head, startedAt }: TunnelRequest): TransactionNotes | null {
    if (this.#traces === null) return null;
    return new TransactionNotes(this.#traces.bodies, head, null, startedAt);
  }

  /** A tunnel that carries bytes which are not looked at. @param tls  null: they are no TLS */
  tunnel(
    asked: TunnelRequest,
    session: Session,
    url: string,
    tls: TunnelTls | null,
    originAddress: string | null,
  ): void {
    const coverage = notScanned(tls === null ? 'stream' : 'encrypted');
    const ms = performance.now() - asked.startedAt;
    const origin = new OriginNote(url);
    origin.way = { address: originAddress, tls: null, connectMs: ms };
    const record: ProxyRecord = {
      ...emptyRecord(newIncidentId(), { ...session, tls }, 'CONNECT', url, 200),
      verdict: 'bypassed',
      coverage,
      ms,
    };
    this.#telemetry.meters?.message('tunnel', coverage);
    this.#report(record, session, origin);
  }

  /** A CONNECT that services have seen; what goes through its tunnel has records of its own. */
  connect(
    asked: TunnelRequest,
    session: Session,
    url: string,
    status: number,
    output: PipelineOutput | null,
  ): void {
    const record: ProxyRecord = {
      ...emptyRecord(newIncidentId(), session, 'CONNECT', url, status),
      verdict: output?.verdict ?? 'allowed',
      threat: output?.threat ?? null,
      incident: output?.incident ?? null,
      coverage: output?.coverage ?? null,
      ms: performance.now() - asked.startedAt,
    };
    this.#report(record, session, null);
  }

  /** Something that came to nothing. @param id  on the page, where there is one */
  failure(
    error: WeirError,
    id: string,
    session: Session,
    method: string,
    url: string,
    status: number,
    startedAt = performance.now(),
  ): void {
    const record: ProxyRecord = {
      ...emptyRecord(id, session, method, url, status),
      verdict: 'error',
      ms: performance.now() - startedAt,
      incident: status >= 400 ? id : null, // a tunnel that fails shows no page
      error: { code: error.code, message: messageForLog(error) },
    };
    if (error.code.startsWith('ERR_TLS_')) this.#telemetry.meters?.handshakeFailed(handshakeFailure(error));
    this.#report(record, session, null);
  }

  #report(record: ProxyRecord, session: Session, origin: OriginNote | null): void {
    this.#telemetry.meters?.connection(record);
    if (this.#telemetry.records) this.#telemetry.proxy(record);
    if (this.#traces === null) return;
    const startedAt = performance.now() - record.ms;
    const notes = session.connectNotes ?? new TransactionNotes(0, null, null, startedAt);
    notes.tunnel = session.opening ?? null;
    notes.origin = origin;
    this.#traces.add(record, notes);
  }
}

function emptyRecord(id: string, session: Session, method: string, url: string, status: number): ProxyRecord {
  const { client, user, tls } = session;
  return {
    id,
    client,
    user,
    method,
    url,
    status,
    bytesIn: 0,
    bytesOut: 0,
    tls,
    adaptation: session.connectSteps ?? [],
    verdict: 'allowed',
    threat: null,
    incident: null,
    ms: 0,
  };
}

/** With what the client is not told: why the program or plugin that judges log-ins has refused one. */
function messageForLog({ code, message, fields }: WeirError): string {
  const { reason } = fields;
  return code === 'ERR_PROXY_AUTH' && typeof reason === 'string' ? `${message}: ${reason}` : message;
}

/** Why a client's TLS came to nothing, as metrics name it. */
function handshakeFailure({ code, fields }: WeirError): string {
  if (code === 'ERR_TLS_CLIENT_HELLO') return 'client_hello';
  if (code === 'ERR_TLS_NAME') return 'name';
  return String(fields['reason'] ?? 'other').replaceAll('-', '_');
}
