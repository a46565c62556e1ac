// Judges Windows programs by what their headers show: imports, sections, entropy. Static features alone
// stay below the threshold: honest packers and installers have them too. [PE/COFF] 3, 4, 6.4.

import type { BehaviourNode, Recorder } from '../report.ts';

export interface Section {
  readonly name: string;
  /** Bits a byte. */
  readonly entropy: number;
  readonly writable: boolean;
  readonly executable: boolean;
}

export interface Program {
  readonly library: boolean;
  readonly imports: readonly string[];
  readonly sections: readonly Section[];
  /** Bytes behind the last section. */
  readonly overlay: number;
  readonly dotnet: boolean;
}

const MAX_SECTIONS = 96;
const MAX_IMPORTS = 2000;
const SCANNED = 1024 * 1024; // bytes of a section whose entropy is measured

/** Reads a program's headers; null where they are damaged. */
export function readProgram(bytes: Buffer): Program | null {
  try {
    return parse(bytes);
  } catch {
    return null; // a RangeError of a read past the end
  }
}

function parse(bytes: Buffer): Program | null {
  const head = bytes.readUInt32LE(0x3c);
  if (bytes.toString('latin1', head, head + 4) !== 'PE\0\0') return null;
  const count = Math.min(bytes.readUInt16LE(head + 6), MAX_SECTIONS);
  const optionalSize = bytes.readUInt16LE(head + 20);
  const library = (bytes.readUInt16LE(head + 22) & 0x2000) !== 0;
  const optional = head + 24;
  const large = bytes.readUInt16LE(optional) === 0x20b;
  const directories = optional + (large ? 112 : 96);
  const table = optional + optionalSize;
  const sections: (Section & { address: number; virtual: number; raw: number; size: number })[] = [];
  for (let index = 0; index < count; index += 1) {
    const at = table + index * 40;
    const flags = bytes.readUInt32LE(at + 36);
    const size = bytes.readUInt32LE(at + 16);
    const raw = bytes.readUInt32LE(at + 20);
    sections.push({
      name: bytes.toString('latin1', at, at + 8).replace(/\0+$/, ''),
      entropy: entropy(bytes.subarray(raw, raw + Math.min(size, SCANNED))),
      writable: (flags & 0x80000000) !== 0,
      executable: (flags & 0x20000000) !== 0,
      virtual: bytes.readUInt32LE(at + 8),
      address: bytes.readUInt32LE(at + 12),
      raw,
      size,
    });
  }
  const place = (address: number): number => {
    const section = sections.find(
      (one) => address >= one.address && address < one.address + Math.max(one.size, one.virtual),
    );
    return section === undefined ? -1 : section.raw + address - section.address;
  };
  const end = Math.max(0, ...sections.map(({ raw, size }) => raw + size));
  return {
    library,
    imports: importsOf(bytes, place(bytes.readUInt32LE(directories + 8)), place, large),
    sections,
    overlay: Math.max(0, bytes.length - end),
    dotnet: optionalSize >= (large ? 112 : 96) + 15 * 8 && bytes.readUInt32LE(directories + 14 * 8) !== 0,
  };
}

function importsOf(
  bytes: Buffer,
  start: number,
  place: (address: number) => number,
  large: boolean,
): string[] {
  const names: string[] = [];
  for (let at = start; at >= 0 && at + 20 <= bytes.length && names.length < MAX_IMPORTS; at += 20) {
    const lookup = bytes.readUInt32LE(at) || bytes.readUInt32LE(at + 16);
    if (lookup === 0) break;
    const width = large ? 8 : 4;
    for (
      let entry = place(lookup);
      entry >= 0 && entry + width <= bytes.length && names.length < MAX_IMPORTS;
      entry += width
    ) {
      const address = bytes.readUInt32LE(entry);
      const byOrdinal = (bytes.readUInt32LE(entry + width - 4) & 0x80000000) !== 0;
      if (address === 0 && !byOrdinal) break;
      const name = byOrdinal ? -1 : place(address);
      if (name < 0 || name + 2 > bytes.length) continue;
      const stop = bytes.indexOf(0, name + 2);
      names.push(bytes.toString('latin1', name + 2, stop < 0 ? name + 2 : Math.min(stop, name + 130)));
    }
  }
  return names;
}

/** Shannon entropy in bits a byte; 0 for no bytes. */
export function entropy(bytes: Buffer): number {
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte]! += 1;
  let sum = 0;
  for (const count of counts) if (count > 0) sum -= (count / bytes.length) * Math.log2(count / bytes.length);
  return sum;
}

const INJECTS: readonly RegExp[] = [
  /^VirtualAllocEx$|^NtMapViewOfSection$|^ZwMapViewOfSection$/,
  /^(?:Nt|Zw)?WriteProcessMemory$|^NtWriteVirtualMemory$|^ZwWriteVirtualMemory$/,
  /^CreateRemoteThread(?:Ex)?$|^(?:Nt|Zw)?SetContextThread$|^SetThreadContext$|^QueueUserAPC$|^NtResumeThread$/,
];
const WATCHES = /^(?:SetWindowsHookEx[AW]|GetAsyncKeyState|GetKeyboardState|RegisterRawInputDevices)$/;
const FETCHES = /^(?:URLDownloadToFile[AW]|InternetOpenUrl[AW]|WinHttpSendRequest|HttpSendRequest[AW])$/;
const HIDES =
  /^(?:IsDebuggerPresent|CheckRemoteDebuggerPresent|NtQueryInformationProcess|NtSetInformationThread)$/;

/** Scores a program's features. */
export function judgeProgram(recorder: Recorder, at: BehaviourNode, bytes: Buffer): void {
  const program = readProgram(bytes);
  if (program === null) return recorder.score(at, 'damaged-program', 10, 'is a program with damaged headers');
  const { imports, sections } = program;
  const has = (pattern: RegExp): boolean => imports.some((name) => pattern.test(name));
  const packed = sections.some(({ executable, entropy: bits }) => executable && bits > 7.2);
  const injects = INJECTS.every((pattern) => has(pattern));
  if (injects) recorder.score(at, 'injects', 35, 'can write programs into other processes');
  if (packed) recorder.score(at, 'packed', imports.length < 12 && !program.dotnet ? 20 : 10, 'is packed');
  if (sections.some(({ writable, executable }) => writable && executable))
    recorder.score(at, 'changes-itself', 10, 'has code that can be written to');
  if (has(WATCHES) && has(FETCHES))
    recorder.score(at, 'watches', 15, 'can watch the keyboard and talk to hosts');
  if (injects && packed)
    recorder.score(at, 'hides-injection', 25, 'hides that it writes into other processes');
  if (has(HIDES) && injects) recorder.score(at, 'evades', 10, 'looks for debuggers');
}
