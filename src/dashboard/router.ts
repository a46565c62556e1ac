// Which route a path leads to. Paths are patterns with `:names` for one segment each; openapi.json names the
// same ones, and a test holds the two equal.

import type { ApiReply } from './reply.ts';

export interface ApiRequest {
  /** Segments of the path by name, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The parsed body; `{}` where there is none. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** e.g. `/api/transactions/:id`. */
  readonly path: string;
  answer(request: ApiRequest): ApiReply | Promise<ApiReply>;
}

export interface Found {
  readonly params: Readonly<Record<string, string>>;
  /** By method. */
  readonly routes: ReadonlyMap<string, Route>;
}

interface Place {
  readonly segments: readonly string[];
  readonly routes: Map<string, Route>;
}

export class Router {
  readonly #places: Place[] = [];

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const segments = route.path.split('/');
      let place = this.#places.find((known) => known.segments.join('/') === route.path);
      if (place === undefined) this.#places.push((place = { segments, routes: new Map() }));
      place.routes.set(route.method, route);
    }
  }

  /** Null for a path that no route has. Whole segments go before named ones. */
  find(path: string): Found | null {
    const given = path.split('/');
    const fitting = this.#places.flatMap(({ segments, routes }) => {
      const params = paramsOf(segments, given);
      return params === null ? [] : [{ params, routes }];
    });
    return fitting.sort((a, b) => Object.keys(a.params).length - Object.keys(b.params).length)[0] ?? null;
  }
}

function paramsOf(segments: readonly string[], given: readonly string[]): Record<string, string> | null {
  if (segments.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const text = given[index]!;
    if (!segment.startsWith(':')) {
      if (segment !== text) return null;
      continue;
    }
    const value = decoded(text);
    if (value === null || value === '') return null;
    params[segment.slice(1)] = value;
  }
  return params;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
