// Makes behaviour out of the events of a script: nodes of the tree under the layer they came from, and
// points by rules. What is everyday in a browser (code made at run time, requests) counts there for
// nothing; the same in a script that Windows runs counts a little.

import { judgeCommand } from '../command-line.ts';
import { Recorder, type BehaviourKind, type BehaviourNode } from '../report.ts';
import type { HostKind, ScriptEvent } from './sandbox.ts';

/** Where events of one run belong, and which of its facts were met so far. */
interface Scene {
  readonly recorder: Recorder;
  readonly host: HostKind;
  /** Windows runs it, with the rights of its user. */
  readonly native: boolean;
  /** A web page, not a script by itself. */
  readonly page: boolean;
  readonly seen: Set<string>;
  layers: number;
  victimsChanged: number;
}

type Judge = (scene: Scene, node: BehaviourNode, event: ScriptEvent) => void;

const PROGRAM =
  /\.(?:exe|dll|scr|com|pif|cpl|js|jse|vbs|vbe|wsf|wsh|hta|bat|cmd|ps1|psm1|msi|lnk|jar|xll|sct|chm|iso|img|vhd|appx|msix|url)\s*$/i;
const STARTUP = /\\start menu\\programs\\startup\\/i;
const RUN_KEY =
  /\\currentversion\\(?:run|runonce|runonceex|runservices|policies\\explorer\\run|winlogon\\(?:shell|userinit))(?:\\|$)|\\image file execution options\\|\\environment\\userinitmprlogonscript/i;
const GUARD_KEY =
  /disable(?:taskmgr|registrytools|antispyware|cmd|realtimemonitoring)|\\windows defender\\|enablelua|consentpromptbehavioradmin|\\zones\\3\\1[24]0|vbawarnings|accessvbom/i;
const PROBE =
  /antivirusproduct|win32_(?:bios|videocontroller|diskdrive|baseboard|temperature|cachememory|portconnector)|cachememory|vmware|virtualbox|vbox|qemu/i;
const DECEIVES =
  /-w(?:indowstyle)?\s+h|mshta|-e(?:nc?|ncodedcommand)?\s|%temp%|conhost|certutil|\u2705|robot|captcha|verif/i;
const HIJACK_KEY = /\\software\\classes\\(?:ms-settings|mscfile|exefile|folder)\\shell\\open\\command/i;

const JUDGES: Readonly<Record<string, Judge>> = {
  process: (scene, node, event) => {
    const { recorder } = scene;
    if (scene.page) recorder.score(node, 'page-starts-process', 70, 'a web page tries to start a program');
    recorder.score(node, 'starts-process', 20, `starts ${event.what.slice(0, 120)}`);
    judgeCommand(recorder, node, event.what);
    const [origin, path] = String(event['runs'] ?? '').split('|');
    if (origin === 'network')
      recorder.score(node, 'runs-download', 70, `runs what it downloaded: ${path ?? ''}`);
    else if (origin === 'script' && PROGRAM.test(path ?? ''))
      recorder.score(node, 'runs-drop', 35, `runs what it wrote: ${path ?? ''}`);
    if (event['elevated'] === true)
      recorder.score(node, 'elevates', 10, 'asks for the rights of an administrator');
    if (event['hidden'] === true && scene.seen.has('network'))
      recorder.score(node, 'hidden-start', 10, 'hides the window of what it starts');
    if (/weir-download-/.test(event.what))
      recorder.score(node, 'runs-download', 70, 'runs what it downloaded');
  },
  network: (scene, node, event) => {
    const { recorder } = scene;
    scene.seen.add('network');
    if (scene.native) recorder.score(node, 'contacts-host', 10, `contacts ${event.what.slice(0, 120)}`);
    if (scene.native && PROGRAM.test(event.what.replace(/[?#].*$/, '')))
      recorder.score(node, 'fetches-program', 15, `downloads ${event.what.slice(0, 120)}`);
    judgeSecret(recorder, node, event, true);
  },
  layer: (scene, node, event) => {
    scene.layers += 1;
    if (event['downloaded'] === true && scene.native)
      scene.recorder.score(node, 'runs-download', 70, 'runs text that it downloaded');
    if (scene.native)
      scene.recorder.score(node, 'layers', Math.min(5 + 5 * scene.layers, 20), 'makes code at run time');
  },
  'file-write': (scene, node, event) => {
    const { recorder } = scene;
    const name = event.what.toLowerCase();
    if (event['victim'] === true) victimChanged(scene, node);
    if (event['how'] === 'folder') return;
    if (STARTUP.test(name)) recorder.score(node, 'persistence', 50, `starts with Windows: ${event.what}`);
    if (event['how'] === 'shortcut') {
      judgeCommand(recorder, node, String(event['value'] ?? ''));
      return;
    }
    const program = PROGRAM.test(name) || event['program'] === true;
    if (program) recorder.score(node, 'writes-program', 25, `writes a program: ${event.what}`);
    if (event['program'] === true && !PROGRAM.test(name))
      recorder.score(node, 'masks-program', 20, `writes a program under another name: ${event.what}`);
    if (event['origin'] === 'network' && program)
      recorder.score(node, 'saves-download', 20, `saves a program that it downloaded: ${event.what}`);
    if (event['program'] === true && event['origin'] === 'script')
      recorder.score(node, 'carries-program', 40, 'carries a program within itself');
  },
  'file-copy': (scene, node, event) => {
    if (STARTUP.test(String(event['target'])))
      scene.recorder.score(node, 'persistence', 50, `starts with Windows: ${String(event['target'])}`);
    if (event['self'] === true && scene.native)
      scene.recorder.score(node, 'copies-itself', 30, `copies itself: ${String(event['target'])}`);
    if (
      event['victim'] === true &&
      /\.\w+\.(?!docx|xlsx|pdf|txt|jpg|bak|zip|pptx|csv)\w+$/i.test(String(event['target']))
    )
      victimChanged(scene, node);
  },
  'file-delete': (scene, node, event) => {
    if (event['self'] === true) scene.recorder.score(node, 'deletes-itself', 30, 'deletes itself');
    if (event['victim'] === true) victimChanged(scene, node);
  },
  'registry-write': (scene, node, event) => {
    const { recorder } = scene;
    if (RUN_KEY.test(event.what)) {
      recorder.score(node, 'persistence', 50, `starts with Windows: ${event.what}`);
      judgeCommand(recorder, node, String(event['value'] ?? ''));
    }
    if (HIJACK_KEY.test(event.what))
      recorder.score(node, 'hijacks', 70, `takes over a command: ${event.what}`);
    if (GUARD_KEY.test(event.what))
      recorder.score(node, 'weakens-protection', 60, `weakens protection: ${event.what}`);
  },
  persistence: (scene, node, event) => {
    scene.recorder.score(node, 'persistence', 50, `stays: ${event.what.slice(0, 120)}`);
    judgeCommand(scene.recorder, node, event.what);
  },
  query: (scene, node, event) => {
    if (PROBE.test(event.what))
      scene.recorder.score(node, 'probes', 15, 'asks which scanner or virtual machine it is in');
  },
  'process-kill': (scene, node) => scene.recorder.score(node, 'kills', 25, 'ends other programs'),
  'delete-object': (scene, node, event) => {
    if (/shadowcopy/i.test(event.what)) scene.recorder.score(node, 'backups', 90, 'deletes backups');
  },
  mail: (scene, node, event) => {
    if (scene.native && Number(event['attached']) > 0)
      scene.recorder.score(node, 'mails', 40, 'sends mail with an attachment');
  },
  'mail-attachment': (scene, node, event) => {
    if (event['self'] === true) scene.recorder.score(node, 'mails-itself', 70, 'sends itself by mail');
  },
  'load-assembly': (scene, node) =>
    scene.recorder.score(node, 'memory-load', 80, 'loads a program into memory'),
  'remote-script': (scene, node, event) =>
    scene.recorder.score(node, 'remote-script', 80, `runs a remote script: ${event.what.slice(0, 120)}`),
  delay: (scene, node) => scene.recorder.score(node, 'delays', 10, 'waits longer than a sandbox would'),
  'send-keys': (scene, node) => scene.recorder.score(node, 'sends-keys', 15, 'types into other programs'),
  'file-read': (scene, _node, event) => {
    if (event['self'] === true) scene.seen.add('reads-itself');
  },
  'binary-escape': (scene, node) => {
    scene.seen.add('binary');
    scene.recorder.score(node, 'machine-code', 40, 'carries machine code as text');
  },
  spray: (scene, node) => scene.recorder.score(node, 'spray', 40, 'fills the memory with machine code'),
  exploit: (scene, node, event) =>
    scene.recorder.score(
      node,
      'exploit',
      event['long'] === true ? 80 : 60,
      `uses a flaw of the reader: ${event.what.slice(0, 80)}`,
    ),
  export: (scene, node, event) => {
    const program = PROGRAM.test(event.what);
    if (Number(event['launch']) > 0)
      scene.recorder.score(
        node,
        'launches-attachment',
        program ? 80 : 50,
        `opens its attachment ${event.what.slice(0, 80)}`,
      );
    else if (program)
      scene.recorder.score(node, 'exports-program', 40, `saves its attachment ${event.what.slice(0, 80)}`);
  },
  'launch-url': (scene, node, event) => {
    const odd =
      !/^(?:https?:|mailto:)/i.test(event.what.trim()) || PROGRAM.test(event.what.replace(/[?#].*$/, ''));
    scene.recorder.score(
      node,
      odd ? 'launches-program' : 'opens-address',
      odd ? 70 : 5,
      `opens ${event.what.slice(0, 120)}`,
    );
  },
  'open-document': (scene, node, event) => {
    if (/^\\\\|^https?:/i.test(event.what.replace(/^"/, '')))
      scene.recorder.score(
        node,
        'remote-document',
        70,
        `opens a document elsewhere: ${event.what.slice(0, 80)}`,
      );
  },
  submit: (scene, node, event) => {
    if (/^"?\\\\|file:/i.test(event.what))
      scene.recorder.score(node, 'credential', 70, 'gives log-in data to another host');
  },
  offer: (scene, node, event) => {
    scene.seen.add('offer');
    if (scene.host !== 'browser' && scene.host !== 'application') return;
    const automatic = event.phase === 'auto';
    if (PROGRAM.test(event.what))
      scene.recorder.score(
        node,
        'makes-program',
        automatic ? 60 : 50,
        `makes a program out of the page's text: ${event.what.slice(0, 80)}`,
      );
  },
  navigate: (scene, node, event) => {
    const { recorder } = scene;
    judgeSecret(recorder, node, event, false);
    const target = event.what.replace(/[?#].*$/, '');
    if (/^(?:search-ms|ms-\w+|file|smb):|^\\\\/i.test(event.what)) {
      const odd = /^(?:search-ms|ms-msdt|ms-search|ms-officecmd|ms-appinstaller|file|smb):|^\\\\/i.test(
        event.what,
      );
      if (odd) recorder.score(node, 'opens-handler', 70, `opens ${event.what.slice(0, 120)}`);
    }
    if (scene.native && PROGRAM.test(target))
      recorder.score(node, 'fetches-program', 15, `downloads ${target.slice(0, 120)}`);
  },
  inject: (scene, node, event) => {
    const fromLayer = event.layer > 0 && scene.layers > 0;
    if (event['tag'] === 'iframe' && event['concealed'] === true && event['external'] === true && fromLayer) {
      const written = event['how'] === 'document.write' || scene.layers > 1;
      scene.recorder.score(
        node,
        'hidden-frame',
        written ? 70 : 30,
        `hides a frame of ${event.what.slice(0, 120)} in disguised code`,
      );
    }
    judgeSecret(scene.recorder, node, event, false);
  },
  clipboard: (scene, node, event) => {
    const { recorder } = scene;
    const points = judgeCommand(Recorder.start(''), node, event.what);
    // Documentation has its readers copy installers; nobody else hides the window or names itself a captcha.
    if (points < 40 || !DECEIVES.test(event.what)) return;
    recorder.score(node, 'clipboard-command', 60, 'puts a command on the clipboard for its victim to run');
    judgeCommand(recorder, node, event.what);
  },
  dialog: (scene, node, event) => {
    if (Number(event['count']) >= 8)
      scene.recorder.score(node, 'locks-browser', 70, 'locks the browser with dialogs');
  },
  'history-flood': (scene, node) =>
    scene.recorder.score(node, 'locks-browser', 70, 'locks the browser by its history'),
  fullscreen: (scene) => void scene.seen.add('fullscreen'),
  socket: (scene, node, event) => {
    if (/stratum|coinhive|\bxmr|moner|cryptonight|minero|coinimp|webmine/i.test(event.what))
      scene.recorder.score(node, 'mines', 60, 'mines crypto currency');
  },
  'socket-send': (scene, node, event) => {
    judgeSecret(scene.recorder, node, event, true);
    if (
      /"(?:algo|algos)"|cryptonight|randomx|"mining\.(?:subscribe|authorize)"|"method"\s*:\s*"(?:login|submit)"[^}]*"(?:login|wallet|pass)"|"type"\s*:\s*"auth"[^}]*"site_key"/i.test(
        event.what,
      )
    ) {
      scene.recorder.score(node, 'mines', 80, 'mines crypto currency');
    }
  },
};

const KINDS: Readonly<Record<string, BehaviourKind>> = {
  process: 'process',
  network: 'network',
  navigate: 'network',
  socket: 'network',
  'socket-send': 'network',
  'launch-url': 'network',
  submit: 'network',
  mail: 'network',
  layer: 'layer',
  'file-write': 'file',
  'file-copy': 'file',
  'file-delete': 'file',
  'file-read': 'file',
  export: 'file',
  'registry-write': 'registry',
  'registry-read': 'registry',
  'registry-delete': 'registry',
  persistence: 'persistence',
  offer: 'download',
  inject: 'injection',
  clipboard: 'clipboard',
  dialog: 'dialog',
  exception: 'fault',
  untranslated: 'fault',
};

/** Secrets of the emulated user on their way to somewhere. Where sign-in goes elsewhere is no proof alone. */
function judgeSecret(recorder: Recorder, node: BehaviourNode, event: ScriptEvent, bodies: boolean): void {
  const inUrl = String(event['secretInUrl'] ?? '');
  const inBody = bodies ? String(event['secretInBody'] ?? '') : '';
  if (inUrl !== '') recorder.score(node, 'leaks-secret', 80, `sends a ${inUrl.split(' ')[0]!} in an address`);
  if (/base64|reversed|hexadecimal/.test(inBody))
    recorder.score(node, 'leaks-secret', 80, `sends a disguised ${inBody.split(' ')[0]!}`);
  else if (inBody !== '') recorder.score(node, 'sends-secret', 20, `sends a ${inBody.split(' ')[0]!}`);
}

/** Several documents rewritten are encryption; one is an editor. */
function victimChanged(scene: Scene, node: BehaviourNode): void {
  scene.victimsChanged += 1;
  if (scene.victimsChanged >= 4)
    scene.recorder.score(node, 'changes-documents', 80, 'changes or deletes the documents of its user');
}

/**
 * Adds the events of a run under `at` and scores them.
 * @param isPage whether the scripts are those of a web page
 */
export function judgeScript(
  recorder: Recorder,
  at: BehaviourNode,
  host: HostKind,
  events: readonly ScriptEvent[],
  isPage: boolean,
): void {
  const native = host === 'windows' || host === 'application';
  const page = isPage && host === 'browser';
  const scene: Scene = { recorder, host, native, page, seen: new Set(), layers: 0, victimsChanged: 0 };
  const nodes: BehaviourNode[] = [];
  for (const event of events) {
    const parent = nodes[event.layer - 1] ?? at;
    const own = recorder.add(parent, KINDS[event.kind] ?? 'system', shownEvent(event));
    nodes.push(own);
    JUDGES[event.kind]?.(scene, own, event);
  }
}

function shownEvent(event: ScriptEvent): string {
  const what = event.what.replace(/\$(?:unlayer|layer)\(/g, '(');
  switch (event.kind) {
    case 'network':
      return `${String(event['method'] ?? 'GET')} ${what}`;
    case 'layer':
      return `${String(event['how'])}: ${what}`;
    case 'untranslated':
      return `could not be run: ${what}`;
    case 'process':
    case 'clipboard':
    case 'exception':
      return what;
    default:
      return `${event.kind} ${what}`;
  }
}
