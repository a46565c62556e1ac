// Judges one Office document, of its parts as the unpacker yields them: macros of all modules together,
// templates and objects that are elsewhere, DDE fields, packaged programs, old macro sheets; and RTF.

import { judgeCommand } from '../command-line.ts';
import type { BehaviourNode, Recorder } from '../report.ts';
import { judgeBasic } from './basic.ts';

const MAX_MACRO_TEXT = 4 * 2 ** 20; // characters

export class OfficeDocument {
  readonly node: BehaviourNode;
  readonly #recorder: Recorder;
  readonly #macros: string[] = [];
  #macroLength = 0;

  constructor(recorder: Recorder, node: BehaviourNode) {
    this.#recorder = recorder;
    this.node = node;
  }

  /** Takes one part. @param path of the part within the document */
  add(path: string, bytes: Buffer): void {
    if (/(?:^|!\/)macro$/.test(path)) {
      const text = bytes.toString('latin1');
      if (this.#macroLength < MAX_MACRO_TEXT) this.#macros.push(text);
      this.#macroLength += text.length;
    } else if (path.endsWith('.rels')) {
      this.#relationships(bytes.toString('utf8'));
    } else if (/macrosheets\/[^/]+\.xml$/i.test(path)) {
      this.#macroSheet(bytes.toString('utf8'));
    } else if (/externallinks\/[^/]+\.xml$/i.test(path)) {
      const link = /ddeService="([^"]*)"[^>]*ddeTopic="([^"]*)"/.exec(bytes.toString('utf8'));
      if (link !== null) this.#dde(`${link[1]!} ${link[2]!}`);
    } else if (path.endsWith('.xml')) {
      this.#fields(bytes.toString('utf8'));
    } else if (/(?:^|!\/)WordDocument$/.test(path)) {
      const text = bytes.toString('latin1');
      const field =
        /\x13\s*(DDE(?:AUTO)?\s[^\x14\x15]{1,500})/i.exec(text) ??
        /\x13\s*(DDE(?:AUTO)?\s[^\x14\x15]{1,500})/i.exec(text.replaceAll('\0', ''));
      if (field !== null) this.#dde(field[1]!);
    }
  }

  /** Judges what only all parts together show; gives the sources of its macro modules. */
  finish(): readonly string[] {
    if (this.#macros.length === 0) return [];
    const node = this.#recorder.add(this.node, 'macro', `${this.#macros.length} macro module(s)`);
    judgeBasic(this.#recorder, node, this.#macros.join('\n'), 'macro');
    return this.#macros;
  }

  #relationships(xml: string): void {
    for (const [tag] of xml.matchAll(/<Relationship\s[^>]*>/g)) {
      if (!/TargetMode="External"/i.test(tag)) continue;
      const kind = /Type="[^"]*\/(\w+)"/.exec(tag)?.[1] ?? '';
      const target = (/Target="([^"]*)"/.exec(tag)?.[1] ?? '').replaceAll('&amp;', '&');
      if (kind === 'hyperlink' || !/^(?:https?:|mhtml:|file:\/\/\/?\\|\\\\|ftp:|ms-\w+:)/i.test(target))
        continue;
      if (!/^(?:attachedTemplate|oleObject|frame|subDocument|externalLink|package)$/i.test(kind)) continue;
      const node = this.#recorder.add(this.node, 'network', `${kind}: ${target}`);
      if (/^mhtml:|!x-usc:|\.html?!|ms-msdt/i.test(target))
        this.#recorder.score(node, 'exploit', 90, `loads an object by a flaw: ${target}`);
      else if (kind === 'attachedTemplate' && /^https?:/i.test(target))
        this.#recorder.score(node, 'remote-template', 70, `loads a template from ${target}`);
      else if (/^(?:oleObject|frame|subDocument)$/i.test(kind) && /^https?:/i.test(target))
        this.#recorder.score(node, 'remote-object', 70, `loads an object from ${target}`);
      else if (/^\\\\|^file:/i.test(target) && kind !== 'externalLink')
        this.#recorder.score(node, 'remote-share', 30, `refers to ${target}`);
    }
  }

  #fields(xml: string): void {
    if (!/instr(?:Text)?\b/.test(xml)) return;
    // Word joins the pieces of an instruction, and so do those who hide one.
    const parts = [...xml.matchAll(/<w:instrText[^>]*>([\s\S]*?)<\/w:instrText>|w:instr="([^"]*)"/g)];
    const text = parts
      .map((part) => part[1] ?? ` ${part[2] ?? ''} `)
      .join('')
      .replaceAll('&quot;', '"')
      .replaceAll('&amp;', '&');
    const quoted = text.replace(/\bQUOTE((?:\s+\d{2,3})+)/g, (_, codes: string) =>
      codes
        .trim()
        .split(/\s+/)
        .map((code) => String.fromCharCode(Number(code)))
        .join(''),
    );
    for (const match of quoted.matchAll(/\bDDE(?:AUTO)?\s+([^\r\n]{1,1000})/gi)) this.#dde(match[0]);
  }

  #dde(field: string): void {
    const node = this.#recorder.add(this.node, 'process', field);
    this.#recorder.score(
      node,
      'dde',
      /cmd|powershell|mshta|wscript|\.exe|rundll32|msexcel.*system32/i.test(field) ? 80 : 40,
      `has a DDE field: ${field.slice(0, 100)}`,
    );
    judgeCommand(this.#recorder, node, field);
  }

  #macroSheet(xml: string): void {
    const formulas = [...xml.matchAll(/<f>([\s\S]*?)<\/f>/g)].map((match) =>
      match[1]!.replaceAll('&quot;', '"').replaceAll('&amp;', '&'),
    );
    const text = formulas.join('\n');
    if (!/\b(?:EXEC|CALL|REGISTER|FORMULA\.FILL|FORMULA|RUN)\s*\(/i.test(text)) return;
    const node = this.#recorder.add(this.node, 'macro', text);
    const odd =
      /\bEXEC\s*\(/i.test(text) ||
      /\b(?:CALL|REGISTER)\s*\(\s*"(?:urlmon|kernel32|shell32|wininet)/i.test(text);
    this.#recorder.score(
      node,
      'old-macro',
      odd ? 70 : 30,
      'has an Excel 4 macro that starts programs or calls the system',
    );
    for (const [, command] of text.matchAll(/EXEC\s*\(\s*"([^"]*)"/gi))
      judgeCommand(this.#recorder, node, command!);
  }
}

const EQUATION = /\\objclass\s+Equation\.[23]|4571756174696f6e2e3[23]|02ce020000000000c000000000000046/i;
const LINK = /e0c9ea79f9bace118c8200aa004ba90b|\\objclass\s+(?:htmlfile|OLE2Link)/i;

/** RTF has no macros: what it does is in objects that load by themselves. */
export function judgeRtf(recorder: Recorder, at: BehaviourNode, bytes: Buffer): void {
  const text = bytes.toString('latin1');
  const digits = text.replace(/\\objdata/g, '\\objdata\n').replace(/([0-9a-f])[\s{}]+(?=[0-9a-f])/gi, '$1');
  const updates = /\\objupdate|\\objautlink/.test(text);
  if (EQUATION.test(digits) && (updates || /\\objocx|\\objemb/.test(text)) && /\\objupdate/.test(text)) {
    recorder.score(at, 'exploit', 80, 'opens an equation object by itself');
  }
  if (LINK.test(digits) && updates)
    recorder.score(at, 'remote-object', 80, 'loads a linked object by itself');
  const template = /\\\*\\template\s+((?:https?:|\\\\u?[^}\s]*http)[^}]{1,300})/i.exec(text);
  if (template !== null) recorder.score(at, 'remote-template', 70, `loads a template from ${template[1]!}`);
  const dde = /\\fldinst[^}]*?\{?[^}]*?\bDDE(?:AUTO)?\s+([^}]{1,500})/i.exec(text);
  if (dde !== null) {
    const node = recorder.add(at, 'process', dde[1]!);
    recorder.score(node, 'dde', 80, 'has a DDE field');
    judgeCommand(recorder, node, dde[1]!);
  }
}

/** Cells of text tables that a spreadsheet would run. */
export function judgeTable(recorder: Recorder, at: BehaviourNode, text: string): void {
  const cell =
    /(?:^|[,;\t"]|E)\s*[=+@-][^,;\t\r\n]{0,40}\b(cmd|msexcel|powershell|rundll32|mshta|regsvr32)\s*\|\s*'([^']{1,500})'\s*!/im.exec(
      text,
    );
  if (cell === null) return;
  const node = recorder.add(at, 'process', `${cell[1]!} ${cell[2]!}`);
  recorder.score(node, 'dde', 80, 'has a cell that starts a program');
  judgeCommand(recorder, node, `${cell[1]!} ${cell[2]!}`);
}
