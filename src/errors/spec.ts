// The shape of an entry of the error table.

export interface ErrorSpec {
  /** ICAP status that answers it when we are the ICAP server. */
  readonly icap: number;
  /** HTTP status that answers it when we are the HTTP proxy. */
  readonly http: number;
  /** Whether framing is still sound, so that the connection may carry another message. */
  readonly persist: boolean;
  /** What the reader may do about it; shown on error pages and in logs. */
  readonly remedy: string;
}

export const spec = (icap: number, http: number, persist: boolean, remedy: string): ErrorSpec => ({
  icap,
  http,
  persist,
  remedy,
});
