// Talks to the dashboard's API: JSON in and out, and errors with what to do about them. Who we are is a cookie
// that the server has set. What the paths mean is in src/dashboard/api.

import type { ApiError } from './types.ts';
import { texts } from '../texts/index.ts';

const WRITE_MARK = { 'X-Weir-Request': '1' } as const;

/** What the API answered instead of what was asked for; status 0: no answer at all. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly hint: string;
  /** The answer as it came; null where it was none of the API's. */
  readonly body: ApiError | null;

  constructor(status: number, message: string, hint: string, body: ApiError | null = null) {
    super(message);
    this.name = 'ApiProblem';
    this.status = status;
    this.hint = hint;
    this.body = body;
  }
}

type Listener = () => void;
const signedOut = new Set<Listener>();

/** Calls when the server wants a token. @returns how to stop listening */
export function onSignedOut(listener: Listener): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

/**
 * Sends one request.
 * @throws {ApiProblem} for every answer but 2xx, and for none
 */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      ...init,
      headers: { Accept: 'application/json', ...init.headers },
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiProblem(0, texts.common.noAnswer, texts.common.noAnswerHint);
  }
  if (response.ok) return response;
  if (response.status === 401) for (const listener of signedOut) listener();
  throw await problemOf(response);
}

async function problemOf(response: Response): Promise<ApiProblem> {
  const fallback = `${response.status} ${response.statusText}`;
  try {
    const body = (await response.json()) as ApiError;
    return new ApiProblem(response.status, body.error ?? fallback, body.hint ?? '', body);
  } catch {
    return new ApiProblem(response.status, fallback, '');
  }
}

export async function getJson<Body>(path: string, signal?: AbortSignal): Promise<Body> {
  const response = await request(path, signal === undefined ? {} : { signal });
  return (await response.json()) as Body;
}

/** Sends a change. @param body as JSON; undefined: none */
export async function send<Body>(
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<Body> {
  const response = await request(path, {
    method,
    headers: { ...WRITE_MARK, 'Content-Type': 'application/json' },
    body: JSON.stringify(body ?? {}),
  });
  const text = await response.text();
  return (text === '' ? null : JSON.parse(text)) as Body;
}

/** Fetches a file and gives it to the user under that name. */
export async function download(path: string, name: string): Promise<void> {
  const blob = await (await request(path)).blob();
  const url = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}
