// Judges shortcuts: what a .lnk file starts, with which arguments, and how it disguises itself; and .url
// files. [MS-SHLLINK] 2.1 to 2.4.

import { judgeCommand } from '../command-line.ts';
import type { BehaviourNode, Recorder } from '../report.ts';

export interface Shortcut {
  readonly target: string;
  readonly arguments: string;
  readonly icon: string;
  /** 7: minimised. */
  readonly show: number;
}

const HEADER = Buffer.from('4c0000000114020000000000c000000000000046', 'hex');
const INTERPRETER =
  /\b(?:cmd|powershell|pwsh|mshta|wscript|cscript|rundll32|regsvr32|msiexec|certutil|bitsadmin|conhost|forfiles|pcalua|explorer|ftp|curl|hh)(?:\.exe)?\s*$/i;
const DOCUMENT_ICON =
  /acrord|acrobat|winword|excel|powerpnt|msedge|chrome|imageres|shell32|wmploc|\.(?:pdf|docx?|xlsx?|ico|png|jpg)/i;

/** Whether the bytes are a shell link. */
export function isShortcut(bytes: Buffer): boolean {
  return bytes.length >= 76 && bytes.subarray(0, 20).equals(HEADER);
}

/** Reads a shell link; what is damaged reads as empty. */
export function readShortcut(bytes: Buffer): Shortcut {
  const flags = bytes.readUInt32LE(20);
  const show = bytes.readUInt32LE(60);
  const wide = (flags & 0x80) !== 0;
  let at = 76;
  let target = '';
  if ((flags & 0x01) !== 0) {
    const size = at + 2 <= bytes.length ? bytes.readUInt16LE(at) : 0;
    target = namesOf(bytes.subarray(at + 2, at + 2 + size));
    at += 2 + size;
  }
  if ((flags & 0x02) !== 0 && at + 28 <= bytes.length) {
    const size = bytes.readUInt32LE(at);
    const base = bytes.readUInt32LE(at + 16);
    if ((bytes.readUInt32LE(at + 8) & 1) !== 0 && base < size) {
      const start = at + base;
      const end = bytes.indexOf(0, start);
      target = bytes.toString('latin1', start, end < 0 ? bytes.length : end) || target;
    }
    at += Math.max(size, 4);
  }
  const text = (flag: number): string => {
    if ((flags & flag) === 0 || at + 2 > bytes.length) return '';
    const length = bytes.readUInt16LE(at) * (wide ? 2 : 1);
    const value = bytes.toString(wide ? 'utf16le' : 'latin1', at + 2, at + 2 + length);
    at += 2 + length;
    return value;
  };
  text(0x04); // description
  const relative = text(0x08);
  text(0x10); // working folder
  const parameters = text(0x20);
  const icon = text(0x40);
  return { target: target === '' ? relative : target, arguments: parameters, icon, show };
}

/** File names in a list of shell items: the last printable runs make the path. */
function namesOf(list: Buffer): string {
  const names: string[] = [];
  for (let at = 0; at + 2 <= list.length;) {
    const size = list.readUInt16LE(at);
    if (size < 3) break;
    const item = list.subarray(at + 2, at + size);
    const name = /[\w~.:\\ -]{3,}/.exec(item.toString('latin1', 1))?.[0];
    if (name !== undefined) names.push(name.replace(/\\$/, ''));
    at += size;
  }
  return names.join('\\');
}

/** Scores a shortcut. */
export function judgeShortcut(recorder: Recorder, at: BehaviourNode, bytes: Buffer): void {
  const link = readShortcut(bytes);
  const command = `${link.target} ${link.arguments.replace(/\s{10,}/g, ' ')}`.trim();
  const node = recorder.add(at, 'process', command);
  const interpreter = INTERPRETER.test(link.target.replace(/^.*[\\/]/, ''));
  if (interpreter && link.arguments !== '')
    recorder.score(node, 'starts-interpreter', 30, 'is a shortcut that runs commands');
  if (interpreter && link.show === 7)
    recorder.score(node, 'hidden-window', 25, 'hides the window of what it starts');
  if (interpreter && DOCUMENT_ICON.test(link.icon))
    recorder.score(node, 'masked-icon', 30, 'looks like a document');
  if (/\s{40,}/.test(link.arguments) || link.arguments.length > 900)
    recorder.score(node, 'masked-arguments', 40, 'hides its arguments');
  if (/^\\\\[\w.-]+(?:@(?:ssl|\d+))*\\/i.test(link.target))
    recorder.score(node, 'remote-share', 50, 'starts a program on another host');
  if (/^(?:file:|search-ms:)|\\\\[\w.-]+@(?:ssl|\d+)\\/i.test(link.arguments))
    recorder.score(node, 'remote-share', 50, 'starts a program on another host');
  judgeCommand(recorder, node, command);
  if (
    interpreter &&
    /\bfindstr\b[\s\S]*(?:&|\|)|\bfind\b.*\.lnk|\bselect-string\b|\.lnk.{0,200}(?:readallbytes|get-content)/i.test(
      command,
    )
  ) {
    recorder.score(node, 'carries-program', 50, 'carries the program that it starts');
  }
}

/** Internet shortcuts that open what is no page. */
export function judgeInternetShortcut(recorder: Recorder, at: BehaviourNode, text: string): void {
  const target = /^\s*URL\s*=\s*(.+)$/im.exec(text)?.[1]?.trim() ?? '';
  const icon = /^\s*IconFile\s*=\s*(.+)$/im.exec(text)?.[1]?.trim() ?? '';
  const node = recorder.add(at, 'network', target);
  const program = /\.(?:exe|hta|js|vbs|cmd|bat|lnk|url|cpl|scr|wsf|msi|jar)$/i.test(
    target.replace(/[?#].*$/, ''),
  );
  if (
    /^(?:file:|\\\\|search-ms:)/i.test(target) &&
    /^(?:file:)?(?:\/\/|\\\\)[^/\\]/i.test(target.replace(/^file:\/\/\/+/, 'file:'))
  ) {
    recorder.score(node, 'remote-share', program ? 90 : 50, `opens ${target}`);
  } else if (program) recorder.score(node, 'fetches-program', 40, `opens ${target}`);
  if (/^\\\\|^file:\/\/[^/]/i.test(icon))
    recorder.score(node, 'credential', 50, 'gives log-in data to another host');
}
