// Judges command lines and the text of shell scripts by what they would do, after undoing the usual
// disguises. The same table serves processes that scripts start, shortcuts, DDE fields, launch actions of
// PDF files and what pages put on the clipboard.

import type { BehaviourNode, Recorder } from './report.ts';

/** Points are set so that one everyday habit of administrators stays below the default threshold of 70. */
const RULES: readonly (readonly [rule: string, points: number, pattern: RegExp, text: string])[] = [
  [
    'encoded-command',
    40,
    /powershell.*?\s-e(?:nc?|ncodedcommand)?\s+[a-z0-9+/=]{40,}/,
    'runs an encoded PowerShell command',
  ],
  [
    'hidden-window',
    25,
    /powershell[^|]*-w(?:i|in|indow|indowstyle)?\s+(?:hidden|1\b)|-windowstyle hidden/,
    'hides the window of what it starts',
  ],
  [
    'no-policy',
    10,
    /-(?:ep|exec|executionpolicy)\s+(?:bypass|unrestricted)|set-executionpolicy\s+bypass/,
    'switches the execution policy off',
  ],
  [
    'fetches',
    20,
    /(?:\biwr\b|\birm\b|\bcurl\b|\bwget\b|invoke-webrequest|invoke-restmethod|downloadstring|downloadfile|downloaddata|start-bitstransfer|net\.webclient|openread)[\s\S]{0,300}https?:/,
    'fetches content from the network',
  ],
  [
    'runs-fetched-text',
    30,
    /(?:\biex\b|invoke-expression)[\s\S]{0,300}(?:\biwr\b|\birm\b|\bcurl\b|\bwget\b|invoke-webrequest|invoke-restmethod|downloadstring|net\.webclient|https?:)|(?:downloadstring|\birm\b|\biwr\b|invoke-webrequest)[\s\S]{0,300}\|\s*(?:iex|invoke-expression)\b/,
    'runs text that it fetched',
  ],
  [
    'fetch-and-start',
    50,
    /(?:downloadfile|-outfile|\s-o\s|-output|bitstransfer)[\s\S]{0,400}\.(?:exe|scr|dll|hta|js|vbs|ps1|bat)\b[\s\S]{0,300}(?:start-process|\bstart\b|invoke-item|\bii\b|rundll32|[;&]\s*\$?[\w:\\%.~-]*\.(?:exe|scr|hta|js|vbs|bat)|shellexecute)/,
    'starts a program that it fetched',
  ],
  ['mshta', 70, /mshta(?:\.exe)?\s+(?:https?:|\\\\|javascript:|vbscript:|about:)/, 'runs a script by mshta'],
  [
    'certutil',
    70,
    /certutil(?:\.exe)?\s.*-(?:urlcache|decode|decodehex|verifyctl)/,
    'misuses certutil to fetch or decode',
  ],
  ['bitsadmin', 60, /bitsadmin(?:\.exe)?\s.*\/(?:transfer|addfile)/, 'fetches by bitsadmin'],
  ['regsvr32', 90, /regsvr32(?:\.exe)?\s.*(?:\/i:\s*https?:|scrobj)/, 'runs a remote script by regsvr32'],
  [
    'rundll32',
    60,
    /rundll32(?:\.exe)?\s+(?:javascript:|\\\\|url\.dll|[^,]{0,200}(?:\\temp\\|\\appdata\\|\\users\\public|%temp%|%appdata%|programdata|\.(?:png|jpg|dat|txt|tmp|log)\b))/,
    'runs a library from an odd place by rundll32',
  ],
  [
    'msiexec',
    70,
    /msiexec(?:\.exe)?\s.*(?:\/|-)(?:i|package)\s*"?https?:/,
    'installs a package from the network',
  ],
  ['wmic', 40, /wmic(?:\.exe)?\s.*process\s+call\s+create/, 'starts processes by wmic'],
  [
    'backups',
    90,
    /vssadmin(?:\.exe)?\s+delete\s+shadows|shadowcopy\s+delete|win32_shadowcopy[\s\S]{0,80}delete|wbadmin\s+delete|bcdedit.*recoveryenabled\s+no|resize\s+shadowstorage/,
    'deletes backups',
  ],
  ['log-wipe', 60, /wevtutil(?:\.exe)?\s+cl\b|clear-eventlog/, 'wipes event logs'],
  ['task', 40, /schtasks(?:\.exe)?\s.*\/create|register-scheduledtask/, 'plans a task'],
  [
    'run-key',
    50,
    /(?:reg(?:\.exe)?\s+add|new-itemproperty|set-itemproperty)[\s\S]{0,120}currentversion\\run/,
    'starts itself with Windows',
  ],
  [
    'startup-folder',
    50,
    /(?:copy|move|>|copy-item|xcopy|-outfile|-destination)[\s\S]{0,200}\\start ?menu\\programs\\startup/,
    'puts itself into the startup folder',
  ],
  [
    'defender',
    80,
    /(?:set|add)-mppreference\s.*-(?:disable|exclusion)|sc(?:\.exe)?\s+(?:stop|config)\s+windefend|disableantispyware|disablerealtimemonitoring/,
    'switches the virus scanner off',
  ],
  ['amsi', 90, /amsiutils|amsiinitfailed|amsiscanbuffer|amsicontext/, 'evades the script scanner'],
  [
    'memory-load',
    60,
    /(?:reflection\.assembly|\[assembly\])[\s\S]{0,40}::load\b[\s\S]{0,160}(?:frombase64string|downloaddata|byte\[\])|virtualalloc[\s\S]{0,600}(?:createthread|marshal)|invoke-reflectivepeinjection|invoke-shellcode/,
    'loads a program into memory',
  ],
  [
    'decode-and-run',
    50,
    /(?:\biex\b|invoke-expression)[\s\S]{0,200}(?:frombase64string|-bxor|deflatestream|gzipstream)|(?:frombase64string|gzipstream|-bxor)[\s\S]{0,400}\|\s*(?:iex|invoke-expression)\b/,
    'decodes a script and runs it',
  ],
  [
    'reverse-shell',
    90,
    /net\.sockets\.tcpclient[\s\S]{0,600}(?:getstream|iex|invoke-expression)|\/dev\/tcp\/|\bnc(?:at)?(?:\.exe)?\s.*-e\s|bash\s+-i\s/,
    'opens a shell to another host',
  ],
  [
    'credential',
    80,
    /mimikatz|sekurlsa|comsvcs\.dll.*minidump|procdump.*lsass|reg(?:\.exe)?\s+save\s+hklm\\(?:sam|security)/,
    'steals credentials',
  ],
  [
    'script-from-temp',
    50,
    /(?:wscript|cscript|powershell|mshta)(?:\.exe)?\s.*(?:%temp%|%appdata%|\\temp\\|\\appdata\\|\\users\\public\\|\\programdata\\)[^\s"]*\.(?:js|jse|vbs|vbe|wsf|hta|ps1)/,
    'runs a script from a temporary folder',
  ],
  [
    'program-from-temp',
    40,
    /(?:^|\bstart\s+(?:\/\w+\s+|""\s+)*|\/c\s+)"?(?:%temp%|%appdata%|%public%|[a-z]:\\users\\[^"]*\\(?:temp|roaming|downloads)|c:\\users\\public)\\[^"\s]*\.(?:exe|scr|com|pif|bat|cmd)/,
    'starts a program from a temporary folder',
  ],
  [
    'user-added',
    50,
    /net1?(?:\.exe)?\s+(?:user\s+\S+\s+\S+\s+\/add|localgroup\s+administrators\s.*\/add)/,
    'adds an administrator',
  ],
  [
    'firewall',
    30,
    /netsh(?:\.exe)?\s.*firewall.*(?:opmode.*disable|state\s+off|add\s+(?:rule|allowedprogram))/,
    'opens the firewall',
  ],
  [
    'cradle-pipe',
    20,
    /(?:curl|wget)\s[^|]{0,300}https?:[^|]{0,300}\|\s*(?:ba|z|da)?sh\b/,
    'pipes a fetched script into a shell',
  ],
  [
    'mass-change',
    80,
    /(?:cipher\s+\/w|format\s+[a-z]:\s+\/y|del\s+\/[fsq]\s+(?:\/[fsq]\s+)*c:\\(?:windows|users)\b|rm\s+-rf\s+(?:--no-preserve-root\s+)?\/(?:\s|$))/,
    'destroys data',
  ],
  [
    'masked',
    25,
    /\[char\]\s*\d+\s*\+\s*\[char\]|-join\s*\(?\s*\(?[\d, ]{20,}|-f\s*'[^']*'\s*,\s*'[^']*'\s*,\s*'|\bset\s+\w{1,6}=[\s\S]*%\w{1,6}:~\d+,\d+%[\s\S]*%\w{1,6}:~\d+,\d+%/,
    'disguises what it runs',
  ],
  [
    'exfiltrates',
    40,
    /(?:-method\s+post|uploadstring|uploadfile|uploaddata|curl\s.*(?:-f|-d|--data\S*|-t)\s)[\s\S]{0,300}(?:https?:)[\s\S]{0,200}(?:login data|cookies|wallet|\.kdbx|id_rsa)|(?:login data|wallet\.dat|\.kdbx|id_rsa)[\s\S]{0,400}(?:uploadfile|uploadstring|-method\s+post|curl\s)/,
    'sends secrets away',
  ],
];

const MAX_TEXT = 512 * 1024; // characters
const MAX_DEPTH = 3;

/**
 * Scores a command line or shell script, and what is encoded in it.
 * @param at node of the process or script; decoded layers become its children
 * @returns the points of the rules that matched
 */
export function judgeCommand(recorder: Recorder, at: BehaviourNode, command: string, depth = 0): number {
  const plain = undisguised(command.slice(0, MAX_TEXT));
  let points = 0;
  for (const [rule, worth, pattern, text] of RULES) {
    if (!pattern.test(plain)) continue;
    points += worth;
    recorder.score(at, rule, worth, text);
  }
  if (depth >= MAX_DEPTH) return points;
  for (const decoded of encodedParts(command)) {
    const layer = recorder.add(at, 'layer', decoded);
    points += judgeCommand(recorder, layer, `powershell ${decoded}`, depth + 1);
  }
  return points;
}

/** Lower case, without carets, backticks, quotes within words and joined string pieces. */
export function undisguised(text: string): string {
  return text
    .toLowerCase()
    .replace(/\[char\]\s*(?:0x([0-9a-f]{2})|(\d{2,3}))/g, (all, hex: string | undefined, digits: string) => {
      const code = hex === undefined ? Number(digits) : parseInt(hex, 16);
      return code >= 0x20 && code < 0x7f ? `${all}'${String.fromCharCode(code)}'` : all;
    })
    .replace(/\^(?=\S)|`(?=[a-z0-9-])/g, '')
    .replace(/(['"])\s*\+\s*\1/g, '')
    .replace(/(\w)""(?=\w)/g, '$1')
    .replace(/["']/g, '')
    .replace(/[ \t]+/g, ' ');
}

/** PowerShell in base64 of UTF-16, and base64 that is decoded to text in place. */
function* encodedParts(command: string): Generator<string> {
  let found = 0;
  const pattern = /(?:\s-e(?:nc?|ncodedcommand)?\s+|frombase64string\(\s*)["'(]*([A-Za-z0-9+/]{20,}={0,2})/gi;
  for (const match of command.matchAll(pattern)) {
    const bytes = Buffer.from(match[1]!, 'base64');
    const wide = bytes.length >= 4 && bytes[1] === 0 && bytes[3] === 0;
    const text = bytes.toString(wide ? 'utf16le' : 'latin1');
    if (/^[\t\r\n\x20-\x7e]+$/.test(text)) yield text;
    if (++found >= 8) return;
  }
}
