// Judges Visual Basic, of macros and of scripts: what starts by itself, what it would start, fetch, write
// and hide. Static: strings are folded (basic-strings.ts), nothing runs. One rule never blocks alone
// where honest macros do the same.

import { judgeCommand } from '../command-line.ts';
import type { BehaviourNode, Recorder } from '../report.ts';
import { foldStrings } from './basic-strings.ts';

/** Names of procedures that a document, or a page, starts by itself; lower case. */
export const ENTRIES =
  /^(?:auto_?(?:open|exec|new|close|exit)|document_?(?:open|new|close)|workbook_?(?:open|activate|beforeclose)|presentation_?open|app_documentopen|window_onload|document_onreadystatechange|\w+_(?:layout|painted|painting|gotfocus|mousemove|statuschanged))$/;

const AUTOMATIC =
  /\bsub\s+(?:auto_?(?:open|exec|close|new|exit)|document_?(?:open|close|new|beforeclose)|workbook_?(?:open|activate|beforeclose)|presentation_?open|app_documentopen|\w+_(?:layout|painted|painting|gotfocus|mousemove|willcontinueto\w*|statuschanged))\b/i;
const STARTS =
  /\bshell\s*\(?\s*[\w"(]|wscript\.shell|shell\.application|\.shellexecute|win32_process\b|\bshellexecute[aw]?\b|\.exec\s*\(|createprocess[aw]?\b|72c24dd5-d70a|9ba05972|13709620|c08afd90/i;
const FETCHES =
  /urldownloadtofile|xmlhttp|winhttprequest|internetopen(?:url)?|internetreadfile|microsoft\.xmldom.*\.load|\.downloadfile|bitsadmin/i;
const SAVES =
  /savetofile|for\s+binary|createtextfile|opentextfile|urldownloadtofile|\bput\s*#|\.copyfile|\.copyhere|writebytes/i;
const PROGRAM_NAME =
  /\.(?:exe|dll|scr|com|pif|js|jse|vbs|vbe|wsf|hta|bat|cmd|ps1|cpl|sct|xll|msi|lnk)["\s]?$/i;
const MEMORY =
  /\b(?:virtualalloc(?:ex)?|rtlmovememory|ntallocatevirtualmemory|heapcreate|writeprocessmemory)\b/i;
const ENTERS =
  /\b(?:createthread|createremotethread(?:ex)?|queueuserapc|callwindowproc[aw]?|enum(?:windows|systemlocales|datetimeformats|childwindows|resourcetypes|uilanguages)\w*|settimer|grayst?ring|ntqueueapcthread(?:ex)?|certenum\w+)\b/i;

/** What starts the code: a document's events, or that it is a script, or a page. */
export type BasicKind = 'macro' | 'script';

/**
 * Scores all modules of one project together.
 * @param at node that the findings belong to
 */
export function judgeBasic(recorder: Recorder, at: BehaviourNode, source: string, kind: BasicKind): void {
  const code = uncommented(source);
  const { values, disguises } = foldStrings(code);
  const all = `${code}\n${values.join('\n')}`;
  const automatic = kind === 'script' || AUTOMATIC.test(code);
  const starts = STARTS.test(all);
  const fetches = FETCHES.test(all);
  const savesProgram =
    SAVES.test(all) && values.concat(literals(code)).some((value) => PROGRAM_NAME.test(value));

  if (automatic && kind === 'macro')
    recorder.score(at, 'auto-macro', 15, 'has a macro that starts by itself');
  if (starts) recorder.score(at, 'starts-process', 25, 'starts programs');
  if (automatic && starts && kind === 'macro')
    recorder.score(at, 'auto-starts', 15, 'starts programs by itself');
  if (fetches) recorder.score(at, 'contacts-host', 20, 'contacts a host');
  if (savesProgram) recorder.score(at, 'writes-program', 20, 'writes a program');
  if (fetches && savesProgram && starts)
    recorder.score(at, 'runs-download', 40, 'downloads a program and starts it');
  if (MEMORY.test(all) && ENTERS.test(all))
    recorder.score(at, 'memory-load', 80, 'runs machine code in memory');
  if (disguises >= 20) recorder.score(at, 'disguises', 20, 'disguises its strings');
  else if (disguises >= 6) recorder.score(at, 'disguises', 10, 'disguises its strings');
  const numbers =
    (code.match(/\barray\s*\((?:\s*-?(?:&h[0-9a-f]+|\d+)\s*,){24,}/gi) ?? []).length +
    (code.match(/"(?:[0-9a-f]{2}){60,}"|"[a-z0-9+/]{200,}={0,2}"/gi) ?? []).length;
  if (numbers > 0) recorder.score(at, 'carries-data', 15, 'carries encoded data');
  if (/\bexecute(?:global)?\s*[(\w]|\beval\s*\(/i.test(code) && kind === 'script') {
    recorder.score(at, 'layers', disguises >= 6 || numbers > 0 ? 50 : 10, 'makes code at run time');
  }
  if (/currentversion\\run|\\start menu\\programs\\startup|specialfolders\s*\(\s*"startup"/i.test(all)) {
    recorder.score(at, 'persistence', 50, 'starts with Windows');
  }
  if (/vbawarnings|accessvbom|disableantispyware|disabletaskmgr|disableregistrytools/i.test(all))
    recorder.score(at, 'weakens-protection', 60, 'weakens protection');
  if (
    /\bvbcomponents\b[\s\S]*(?:\.import|insertlines|addfromstring|addfromfile)|organizercopy/i.test(code) &&
    automatic &&
    /normaltemplate|\bnormal\b|startuppath/i.test(code)
  ) {
    recorder.score(at, 'spreads', 70, 'copies itself into other documents');
  }
  if (/outlook\.application/i.test(all) && /attachments\.add/i.test(code) && /\.send\b/i.test(code)) {
    recorder.score(at, 'mails', automatic ? 40 : 10, 'sends mail with an attachment');
    if (/addresslists|addressentries/i.test(code))
      recorder.score(at, 'mails-itself', 40, 'mails to all of an address book');
  }
  if (/getobject\s*\(\s*"script(?:let)?:/i.test(all))
    recorder.score(at, 'remote-script', 80, 'runs a remote script');
  if (/binaryformatter|dynamicinvoke|registerxll|executeexcel4macro\s*\(?\s*"(?:exec|call)/i.test(all))
    recorder.score(at, 'memory-load', 60, 'loads a program into memory');
  if (/deletefile\s*\(?\s*wscript\.scriptfullname/i.test(code))
    recorder.score(at, 'deletes-itself', 30, 'deletes itself');
  if (/copyfile\s*\(?\s*wscript\.scriptfullname/i.test(code))
    recorder.score(at, 'copies-itself', 30, 'copies itself');
  if (
    /recentfiles\.count|win32_(?:bios|computersystemproduct|videocontroller)|antivirusproduct/i.test(all) &&
    automatic
  )
    recorder.score(at, 'probes', 15, 'asks whether it is in a sandbox');
  judgeCommands(recorder, at, values.concat(literals(code)));
}

/** Strings that read as commands become nodes with the points of what they would do. */
function judgeCommands(recorder: Recorder, at: BehaviourNode, strings: readonly string[]): void {
  let found = 0;
  for (const value of new Set(strings)) {
    if (
      value.length < 8 ||
      !/powershell|\bcmd\b|mshta|certutil|rundll32|regsvr32|bitsadmin|wscript|cscript|schtasks|vssadmin|msiexec|wmic|\breg\b|curl|downloadstring|mppreference|amsi|bcdedit|\bnet\s/i.test(
        value,
      )
    )
      continue;
    const node = recorder.add(at, 'process', value);
    judgeCommand(recorder, node, value);
    if (++found >= 50) return;
  }
}

function literals(code: string): string[] {
  return [...code.matchAll(/"((?:[^"\r\n]|"")*)"/g)]
    .slice(0, 4000)
    .map((match) => match[1]!.replaceAll('""', '"'));
}

/** Comments are no behaviour: words in them must not count. */
function uncommented(source: string): string {
  return source
    .split(/\r?\n/)
    .map((line) => {
      if (/^\s*(?:rem\s|attribute\s)/i.test(line)) return '';
      let quoted = false;
      for (let at = 0; at < line.length; at += 1) {
        if (line[at] === '"') quoted = !quoted;
        else if (line[at] === "'" && !quoted) return line.slice(0, at);
      }
      return line;
    })
    .join('\n');
}
