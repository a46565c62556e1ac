// The files of the pages, as `npm run build` leaves them. Only what is found in the folder can be asked for, by
// its exact name; any other path that a person opens is a place within the pages, which the index page shows.

import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ApiReply } from './reply.ts';

export const PAGE_POLICY =
  // weir.local is the proxy itself: the trust page asks it whether this browser uses it and trusts its CA.
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "connect-src 'self' http://weir.local https://weir.local; " +
  "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
};

const MAX_FILES = 500;
const INDEX = '/index.html';
/** Their names change with what is in them. */
const HASHED = /^\/assets\/[\w.-]*-[\w-]{6,}\.\w+$/;

export class StaticFiles {
  readonly #folder: string;
  #files: ReadonlySet<string> = new Set();

  /** @param folder  absolute; need not be there */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The file at a path; null where there is none. */
  async file(url: string): Promise<ApiReply | null> {
    if (!this.#files.has(url)) await this.#look();
    if (!this.#files.has(url)) return null;
    try {
      const bytes = await readFile(path.join(this.#folder, url));
      const keep = HASHED.test(url) ? 'public, max-age=31536000, immutable' : 'no-cache';
      const type = TYPES[path.extname(url)] ?? 'application/octet-stream';
      const headers = { 'Content-Type': type, 'Cache-Control': keep, 'Content-Security-Policy': PAGE_POLICY };
      return { status: 200, body: null, bytes, headers };
    } catch {
      return null; // built anew this very moment
    }
  }

  /** The index page, or what to do where the pages are not built. */
  async index(): Promise<ApiReply> {
    return (await this.file(INDEX)) ?? NOT_BUILT;
  }

  async #look(): Promise<void> {
    const found = await readdir(this.#folder, { recursive: true, withFileTypes: true }).catch(() => []);
    const files = found.filter((entry) => entry.isFile()).slice(0, MAX_FILES);
    this.#files = new Set(
      files.map(({ parentPath, name }) => {
        const relative = path.relative(this.#folder, path.join(parentPath, name));
        return `/${relative.split(path.sep).join('/')}`;
      }),
    );
  }
}

const NOT_BUILT: ApiReply = {
  status: 503,
  body: null,
  text:
    'The pages of the dashboard are not built: run `npm run build` in the checkout, then reload.\n' +
    'The API works without them: /api/openapi.json. To set a device up: /setup\n',
  headers: { 'Content-Type': 'text/plain; charset=utf-8' },
};
