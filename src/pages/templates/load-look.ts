// Reads a folder of templates: block.html, block.txt, style.css, logo.(svg|png|jpg|webp) and texts.<language>.json,
// each of them optional. Whatever is wrong with one is an error of the configuration that names file and line,
// never a page that a user gets to see.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { ConfigError, messageOf } from '../../errors.ts';
import { nearest } from '../../util/nearest.ts';
import { html } from '../escape.ts';
import type { Html } from '../escape.ts';
import { CATALOGUES, ENGLISH } from '../texts.ts';
import type { Catalogue, TextId } from '../texts.ts';
import type { Look } from './look.ts';
import { lookOf } from './look.ts';
import type { Template, TemplateFault, TemplateNames } from './template.ts';
import { htmlTemplate, lineAt, textTemplate } from './template.ts';

/** Marks of block.html and block.txt. */
export const BLOCK_NAMES: TemplateNames = {
  texts: [
    ...['title', 'threat', 'blade', 'severity', 'reason', 'incident', 'time', 'url', 'method', 'site'],
    ...['profile', 'language', 'direction', 'brand', 'maker'],
  ],
  markup: ['lead', 'help', 'details', 'continue', 'style', 'logo'],
};

const MAX_FILE = 256 * 1024; // bytes
const MAX_LOGO = 64 * 1024; // bytes: it is in every page
const LOGO = /^logo\.(svg|png|jpe?g|webp)$/;
const TEXTS = /^texts\.([a-z]{2,3})\.json$/;
const TYPES: Readonly<Record<string, string>> = { svg: 'svg+xml', jpg: 'jpeg' };

/**
 * Reads the folder.
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`, and `ERR_CONFIG_VALUE` for content that is wrong: all of it,
 *         one line each, `<file>:<line>: <what>`
 */
export function loadLook(folder: string): Look {
  const reader = new FolderReader(folder);
  const look = reader.read();
  if (reader.faults.length === 0) return look;
  throw new ConfigError('ERR_CONFIG_VALUE', `usercheck.templates: ${reader.faults.join('\n  ')}`, {
    path: folder,
  });
}

class FolderReader {
  readonly faults: string[] = [];
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  read(): Look {
    const names = attempt(this.#folder, () => readdirSync(this.#folder)).sort();
    const catalogues = new Map(CATALOGUES);
    let logo: Html | null = null;
    for (const name of names) {
      const language = TEXTS.exec(name)?.[1];
      if (language !== undefined) catalogues.set(language, this.#texts(name, language));
      const kind = LOGO.exec(name)?.[1];
      if (kind !== undefined) logo = this.#logo(name, kind);
    }
    const has = (name: string): boolean => names.includes(name);
    return lookOf({
      html: has('block.html') ? this.#template('block.html', htmlTemplate, ['style', 'incident']) : null,
      text: has('block.txt') ? this.#template('block.txt', textTemplate, ['incident']) : null,
      style: has('style.css') ? this.#style('style.css') : null,
      logo,
      catalogues,
    });
  }

  #template(name: string, parse: typeof htmlTemplate, needed: readonly string[]): Template {
    const source = this.#text(name);
    const { template, faults } = parse(source, BLOCK_NAMES);
    this.#add(name, faults);
    for (const mark of needed) {
      const isShown = new RegExp(`\\{\\{\\s*${mark}\\s*\\}\\}`).test(source);
      const stands = mark === 'incident' && /\{\{\s*details\s*\}\}/.test(source);
      if (!isShown && !stands) this.#add(name, [{ line: 1, message: `{{${mark}}} is missing` }]);
    }
    return template;
  }

  #style(name: string): string {
    const source = this.#text(name);
    for (const found of source.matchAll(/<\/style|@import|url\(\s*["']?(?!data:)/gi)) {
      const message = `${found[0].trim()} is not allowed: the page loads nothing`;
      this.#add(name, [{ line: lineAt(source, found.index), message }]);
    }
    return source;
  }

  #logo(name: string, kind: string): Html | null {
    const bytes = this.#bytes(name, MAX_LOGO);
    const address = `data:image/${TYPES[kind] ?? kind};base64,${bytes.toString('base64')}`;
    return html`<img class="logo" src="${address}" alt="" />`;
  }

  #texts(name: string, language: string): Catalogue {
    const base = CATALOGUES.get(language) ?? { ...ENGLISH, language, direction: directionOf(language) };
    const source = this.#text(name);
    let given: unknown;
    try {
      given = JSON.parse(source);
    } catch (error) {
      this.#add(name, [{ line: jsonLine(source, error), message: `no JSON: ${messageOf(error)}` }]);
      return base;
    }
    if (typeof given !== 'object' || given === null || Array.isArray(given)) {
      this.#add(name, [{ line: 1, message: 'expected an object of texts by id' }]);
      return base;
    }
    for (const [id, text] of Object.entries(given)) {
      const line = lineAt(source, Math.max(0, source.indexOf(JSON.stringify(id))));
      const problem = textProblem(id, text);
      if (problem !== null) this.#add(name, [{ line, message: problem }]);
    }
    return { ...base, texts: { ...base.texts, ...(given as Partial<Record<TextId, string>>) } };
  }

  #text(name: string): string {
    return this.#bytes(name, MAX_FILE).toString('utf8');
  }

  #bytes(name: string, most: number): Buffer {
    const file = path.join(this.#folder, name);
    const { size } = attempt(file, () => statSync(file));
    if (size > most) {
      this.#add(name, [{ line: 1, message: `${size} bytes are more than the ${most} that are allowed` }]);
      return Buffer.alloc(0);
    }
    return attempt(file, () => readFileSync(file));
  }

  #add(name: string, faults: readonly TemplateFault[]): void {
    for (const { line, message } of faults) this.faults.push(`${name}:${line}: ${message}`);
  }
}

function textProblem(id: string, text: unknown): string | null {
  const known = Object.keys(ENGLISH.texts);
  if (!Object.hasOwn(ENGLISH.texts, id)) {
    const hint = nearest(id, known);
    return `${JSON.stringify(id.slice(0, 60))} is no text${hint === null ? '' : `; did you mean ${hint}?`}`;
  }
  if (typeof text !== 'string' || text.trim() === '' || text.length > 1000) {
    return `${id}: expected a text of 1..1000 characters`;
  }
  const allowed = marksOf(ENGLISH.texts[id as 'page.maker']);
  const strange = marksOf(text).find((mark) => !allowed.includes(mark));
  return strange === undefined ? null : `${id}: ${strange} has no value here`;
}

function marksOf(text: string): string[] {
  return [...text.matchAll(/\{\w+\}/g)].map(([mark]) => mark);
}

function jsonLine(source: string, error: unknown): number {
  const position = /position (\d+)/.exec(messageOf(error))?.[1];
  return position === undefined ? 1 : lineAt(source, Number(position));
}

function directionOf(language: string): 'ltr' | 'rtl' {
  return ['ar', 'fa', 'he', 'ur', 'yi'].includes(language) ? 'rtl' : 'ltr';
}

function attempt<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ConfigError(
      'ERR_CONFIG_UNREADABLE',
      `usercheck.templates: cannot read ${file}: ${messageOf(error)}`,
      { path: file },
      error,
    );
  }
}
