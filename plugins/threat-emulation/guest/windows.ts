// The emulated Windows Script Host, as source text for the sandbox: WScript, ActiveX objects by name,
// processes, registry, file system, HTTP, WMI. COM names are case-insensitive, so every object is a Proxy
// over lower-case members; what is not emulated answers with itself, so that scripts go on.

export const WINDOWS = String.raw`
var ENVIRONMENT = {
  temp: 'C:\\Users\\Alice\\AppData\\Local\\Temp', tmp: 'C:\\Users\\Alice\\AppData\\Local\\Temp', appdata: 'C:\\Users\\Alice\\AppData\\Roaming',
  localappdata: 'C:\\Users\\Alice\\AppData\\Local', userprofile: 'C:\\Users\\Alice', username: 'Alice', userdomain: 'OFFICE', computername: 'DESKTOP-7Q2',
  systemroot: 'C:\\Windows', windir: 'C:\\Windows', comspec: 'C:\\Windows\\System32\\cmd.exe', programdata: 'C:\\ProgramData', public: 'C:\\Users\\Public',
  programfiles: 'C:\\Program Files', allusersprofile: 'C:\\ProgramData', systemdrive: 'C:', homedrive: 'C:', homepath: '\\Users\\Alice', os: 'Windows_NT',
  number_of_processors: '8', processor_architecture: 'AMD64', path: 'C:\\Windows\\System32;C:\\Windows', userdnsdomain: 'OFFICE.EXAMPLE',
};
var FOLDERS = { startup: ENVIRONMENT.appdata + '\\Microsoft\\Windows\\Start Menu\\Programs\\Startup', allusersstartup: 'C:\\ProgramData\\Microsoft\\Windows\\Start Menu\\Programs\\Startup', desktop: 'C:\\Users\\Alice\\Desktop', mydocuments: 'C:\\Users\\Alice\\Documents', appdata: ENVIRONMENT.appdata, templates: ENVIRONMENT.appdata, programs: ENVIRONMENT.appdata, startmenu: ENVIRONMENT.appdata };
function expand(string) { return text(string).replace(/%([^%]+)%/g, function (all, name) { var found = ENVIRONMENT[lower(name)]; return found === undefined ? all : found; }); }

/* What Visual Basic calls on purpose only: other functions run when they are named. */
var objects = new WeakSet();
function stub(name) {
  var self = new Proxy(function () {}, {
    get: function (target, key) {
      if (key === Symbol.toPrimitive) return function (hint) { return hint === 'number' ? 0 : ''; };
      if (typeof key === 'symbol') return undefined;
      if (key === 'toString' || key === 'valueOf') return function () { return ''; };
      if (key === 'length' || key === 'count' || key === 'Count') return 0;
      return self;
    },
    apply: function () { return self; }, construct: function () { return self; }, set: function () { return true; },
  });
  objects.add(self);
  return self;
}
function com(name, members, call) {
  var values = Object.create(null);
  var self = new Proxy(call ? function () {} : {}, {
    get: function (target, key) {
      if (key === Symbol.toPrimitive) return function () { return members.$text === undefined ? '[object]' : members.$text; };
      if (typeof key === 'symbol') return undefined;
      var low = lower(key), member = members[low];
      if (member && own(member, '$get')) return member.$get();
      if (member !== undefined) return member;
      if (low in values) return values[low];
      if (low === 'tostring' || low === 'valueof') return function () { return members.$text === undefined ? '[object]' : members.$text; };
      if (key === '$items') return members.$items;
      return stub(name + '.' + text(key));
    },
    set: function (target, key, value) {
      var member = members[lower(key)];
      if (member && own(member, '$set')) member.$set(value); else values[lower(key)] = value;
      return true;
    },
    apply: function (target, self, args) { return call.apply(self, args); },
  });
  objects.add(self);
  return self;
}
function collection(name, items) {
  return com(name, { count: items.length, length: items.length, $items: items, item: function (i) { return items[i]; } }, function (i) { return items[i]; });
}

/* Files. */
var files = new Map();
['report.docx', 'budget.xlsx', 'photo.jpg', 'notes.txt', 'thesis.pdf', 'contacts.csv', 'plan.pptx', 'backup.zip'].forEach(function (name) {
  files.set(lower('C:\\Users\\Alice\\Documents\\' + name), { path: 'C:\\Users\\Alice\\Documents\\' + name, data: 'content of ' + name, origin: 'victim' });
});
var SCRIPT_PATH = 'C:\\Users\\Alice\\Downloads\\' + (config.name || 'script.js');
files.set(lower(SCRIPT_PATH), { path: SCRIPT_PATH, data: '', origin: 'self' });
function fileAt(path) { return files.get(lower(expand(path))); }
function writeFile(path, data, how) {
  path = expand(path);
  var before = files.get(lower(path)), origin = originOf(data), bytes = bytesOf(data);
  emit('file-write', path, { how: how || 'write', size: bytes.length, origin: origin, program: bytes[0] === 77 && bytes[1] === 90, victim: !!before && before.origin === 'victim' });
  if (files.size < 500) files.set(lower(path), { path: path, data: data, origin: origin });
  if (origin === 'script' && bytes.length) host.drop(toJson({ name: path, how: 'file' }), bufferOf(bytes));
}
function deleteFile(path) {
  var file = fileAt(path);
  emit('file-delete', expand(path), { victim: !!file && file.origin === 'victim', self: lower(expand(path)) === lower(SCRIPT_PATH) });
  files.delete(lower(expand(path)));
}
function copyFile(from, to, how) {
  var file = fileAt(from), target = expand(to);
  if (/[\\\/]$/.test(target)) target += text(from).replace(/^.*[\\\/]/, '');
  emit('file-copy', expand(from) + ' to ' + target, { how: how, target: target, self: lower(expand(from)) === lower(SCRIPT_PATH), victim: !!file && file.origin === 'victim' });
  files.set(lower(target), { path: target, data: file ? file.data : '', origin: file ? file.origin : 'script' });
  if (how === 'move') files.delete(lower(expand(from)));
}
function fileObject(file) {
  return com('File', {
    $text: file.path, path: file.path, name: file.path.replace(/^.*\\/, ''), shortpath: file.path, size: 4096, type: 'File', attributes: 32, drive: com('Drive', { path: 'C:', driveletter: 'C' }),
    datecreated: 0, datelastmodified: 0, parentfolder: { $get: function () { return folderObject(file.path.replace(/\\[^\\]*$/, '')); } },
    delete: function () { deleteFile(file.path); }, copy: function (to) { copyFile(file.path, to, 'copy'); }, move: function (to) { copyFile(file.path, to, 'move'); },
    openastextstream: function (mode) { return textStream(file.path, mode || 1); },
  });
}
function folderObject(path) {
  path = expand(path).replace(/\\$/, '');
  return com('Folder', {
    $text: path, path: path, name: path.replace(/^.*\\/, ''), shortpath: path, attributes: 16, size: 4096,
    files: { $get: function () { var found = []; files.forEach(function (file) { if (lower(file.path.replace(/\\[^\\]*$/, '')) === lower(path)) push(found, fileObject(file)); }); return collection('Files', found); } },
    subfolders: { $get: function () { return collection('Folders', /^c:(\\users(\\alice)?)?$/.test(lower(path)) ? [folderObject(lower(path) === 'c:' ? 'C:\\Users' : lower(path) === 'c:\\users' ? 'C:\\Users\\Alice' : 'C:\\Users\\Alice\\Documents')] : []); } },
    parentfolder: { $get: function () { return folderObject(path.replace(/\\[^\\]*$/, '')); } },
    delete: function () { deleteFile(path); }, createtextfile: function (name) { return textStream(path + '\\' + name, 2); },
  });
}
function textStream(path, mode) {
  var file = fileAt(path), read = mode === 1, content = file ? text(file.data instanceof Uint8Array ? latin1(file.data) : file.data) : '', at = 0, written = mode === 8 ? content : '', open = true;
  if (read && file) emit('file-read', path, { self: file.origin === 'self' });
  return com('TextStream', {
    write: function (s) { written += text(s); }, writeline: function (s) { written += (s === undefined ? '' : text(s)) + '\r\n'; }, writeblanklines: function () { written += '\r\n'; },
    close: function () { if (open && !read) writeFile(path, written, 'text'); open = false; },
    readall: function () { at = content.length; return content; }, read: function (n) { var part = content.substr(at, n); at += n; return part; },
    readline: function () { var end = content.indexOf('\n', at); if (end < 0) end = content.length; var line = content.slice(at, end); at = end + 1; return line.replace(/\r$/, ''); },
    skip: function (n) { at += n; }, skipline: function () {}, atendofstream: { $get: function () { return at >= content.length; } }, atendofline: true, line: 1, column: 1,
  });
}
function fileSystem() {
  return com('FileSystemObject', {
    fileexists: function (p) { return files.has(lower(expand(p))) || /\\windows\\|program files/.test(lower(p)); }, folderexists: function () { return true; }, driveexists: function () { return true; },
    createtextfile: function (p) { return textStream(expand(p), 2); }, opentextfile: function (p, mode) { return textStream(expand(p), mode || 1); },
    getfile: function (p) { return fileObject(fileAt(p) || { path: expand(p) }); }, getfolder: folderObject, createfolder: function (p) { emit('file-write', expand(p), { how: 'folder' }); return folderObject(p); },
    deletefile: deleteFile, deletefolder: deleteFile, copyfile: function (a, b) { copyFile(a, b, 'copy'); }, movefile: function (a, b) { copyFile(a, b, 'move'); }, copyfolder: function () {}, movefolder: function () {},
    getspecialfolder: function (n) { return folderObject(n == 2 ? ENVIRONMENT.temp : n == 1 ? 'C:\\Windows\\System32' : 'C:\\Windows'); }, gettempname: function () { return 'rad4F2A1.tmp'; },
    buildpath: function (a, b) { return text(a).replace(/\\$/, '') + '\\' + b; }, getfilename: function (p) { return text(p).replace(/^.*\\/, ''); }, getbasename: function (p) { return text(p).replace(/^.*\\/, '').replace(/\.[^.]*$/, ''); },
    getextensionname: function (p) { return (/\.([^.\\]*)$/.exec(text(p)) || ['', ''])[1]; }, getparentfoldername: function (p) { return text(p).replace(/\\[^\\]*$/, ''); }, getabsolutepathname: function (p) { p = text(p); return /^[a-z]:/i.test(p) ? p : 'C:\\Users\\Alice\\Downloads\\' + p; },
    getdrive: function (d) { return drive(text(d)); }, getdrivename: function () { return 'C:'; }, drives: { $get: function () { return collection('Drives', [drive('C')]); } },
    getstandardstream: function () { return stub('stream'); }, getfileversion: function () { return '10.0.0.1'; },
  });
}
function drive(letter) { return com('Drive', { driveletter: letter.slice(0, 1), path: letter.slice(0, 1) + ':', drivetype: 2, isready: true, freespace: 2e11, totalsize: 5e11, serialnumber: 1234567, rootfolder: { $get: function () { return folderObject('C:'); } } }); }

/* Processes and the registry. */
function startProcess(command, how, more) {
  command = expand(command);
  var extra = { how: how, runs: '' };
  files.forEach(function (file, key) { if (!extra.runs && file.origin !== 'victim' && file.origin !== 'self' && key.length > 5 && (has(command, key) || has(command, key.replace(/^.*\\/, '')) && key.replace(/^.*\\/, '').length > 4)) extra.runs = file.origin + '|' + file.path; });
  if (more) for (var name in more) extra[name] = more[name];
  emit('process', command, extra);
  return 0;
}
var registry = { 'hklm\\software\\microsoft\\windows nt\\currentversion\\productname': 'Windows 10 Pro' };
function shell() {
  return com('WScript.Shell', {
    run: function (command, style) { return startProcess(command, 'Run', { hidden: style === 0 || style === '0' }); },
    exec: function (command) { startProcess(command, 'Exec'); return com('Exec', { status: 1, processid: 4242, exitcode: 0, terminate: function () {}, stdout: textStream('stdout', 1), stderr: textStream('stderr', 1), stdin: stub('stdin') }); },
    expandenvironmentstrings: expand,
    environment: com('Environment', { item: function (n) { return ENVIRONMENT[lower(n)] || ''; } }, function (n) { return n === undefined || /^(process|user|system|volatile)$/i.test(n) ? com('Environment', { item: function (k) { return ENVIRONMENT[lower(k)] || ''; } }, function (k) { return ENVIRONMENT[lower(k)] || ''; }) : ENVIRONMENT[lower(n)] || ''; }),
    specialfolders: com('SpecialFolders', { item: function (n) { return FOLDERS[lower(n)] || ''; } }, function (n) { return FOLDERS[lower(n)] || ENVIRONMENT.appdata; }),
    regread: function (key) { emit('registry-read', key); var value = registry[lower(key)]; if (value === undefined) throw new Error('Invalid root in registry key'); return value; },
    regwrite: function (key, value) { registry[lower(key)] = value; emit('registry-write', key, { value: slice(text(value), 0, 1000) }); },
    regdelete: function (key) { emit('registry-delete', key); },
    createshortcut: function (path) { var link = { path: path, target: '', args: '' }; return com('Shortcut', { fullname: path, targetpath: { $get: function () { return link.target; }, $set: function (v) { link.target = v; } }, arguments: { $get: function () { return link.args; }, $set: function (v) { link.args = v; } }, save: function () { emit('file-write', expand(path), { how: 'shortcut', value: link.target + ' ' + link.args, origin: 'script' }); } }); },
    popup: function () { return 1; }, sendkeys: function (keys) { emit('send-keys', keys); }, appactivate: function () { return true; }, logevent: function () { return true; }, currentdirectory: 'C:\\Users\\Alice\\Downloads',
  });
}
function shellApplication() {
  return com('Shell.Application', {
    shellexecute: function (file, args, folder, verb, show) { return startProcess(text(file) + (args ? ' ' + text(args) : ''), 'ShellExecute', { hidden: show === 0, elevated: lower(verb) === 'runas' }); },
    open: function (path) { return startProcess(path, 'Open'); },
    namespace: function (path) { return com('Folder', { self: com('Item', { path: expand(typeof path === 'number' ? FOLDERS.desktop : path) }), items: function () { return collection('Items', []); }, copyhere: function (what) { copyFile(text(what), expand(path) + '\\', 'copy'); }, parsename: function (name) { return com('Item', { path: path + '\\' + name, invokeverb: function (verb) { startProcess(path + '\\' + name, 'InvokeVerb'); } }); } }); },
    windows: function () { return collection('Windows', []); }, browseforfolder: function () { return null; }, minimizeall: function () {}, isserviceinstalled: function () { return true; },
  });
}

/* HTTP, streams, XML. */
function http(name) {
  var method = 'GET', url = '', answer = { text: '', bytes: new Uint8Array(0) }, handler = null, state = 0;
  var self = com(name, {
    open: function (m, u) { method = m; url = text(u); state = 1; }, setrequestheader: function () {}, setoption: function () {}, settimeouts: function () {}, setproxy: function () {}, setcredentials: function () {}, setclientcertificate: function () {}, abort: function () {}, waitforresponse: function () { return true; },
    send: function (body) { answer = request(method, url, body, { how: name }); state = 4; if (typeof handler === 'function') handler.call(self); },
    status: { $get: function () { return state === 4 ? 200 : 0; } }, statustext: 'OK', readystate: { $get: function () { return state; } },
    responsetext: { $get: function () { return answer.text; } }, responsebody: { $get: function () { return answer.bytes; } }, responsestream: { $get: function () { return answer.bytes; } }, responsexml: stub('xml'),
    getresponseheader: function () { return 'application/octet-stream'; }, getallresponseheaders: function () { return ''; },
    onreadystatechange: { $get: function () { return handler; }, $set: function (v) { handler = v; } }, option: function () {},
  });
  return self;
}
function stream() {
  var data = '', kind = 2, position = 0;
  function join(more) {
    if (data === '' || position === 0 && data.length === 0) { data = more; return; }
    if (typeof data === 'string' && typeof more === 'string') { data += more; return; }
    var a = bytesOf(data), b = bytesOf(more), all = new Uint8Array(a.length + b.length); all.set(a); all.set(b, a.length); data = all;
  }
  return com('ADODB.Stream', {
    open: function () {}, close: function () {}, flush: function () {}, seteos: function () {},
    type: { $get: function () { return kind; }, $set: function (v) { kind = v; } }, mode: 3, charset: 'utf-8', lineseparator: -1, state: 1,
    position: { $get: function () { return position; }, $set: function (v) { position = v; } }, size: { $get: function () { return data.length; } }, eos: { $get: function () { return position >= data.length; } },
    write: function (v) { join(v instanceof Uint8Array ? v : bytesOf(v)); }, writetext: function (v) { join(text(v)); },
    read: function () { position = data.length; return bytesOf(data); }, readtext: function () { position = data.length; return typeof data === 'string' ? data : latin1(data); },
    savetofile: function (path) { writeFile(path, data, 'stream'); }, loadfromfile: function (path) { var file = fileAt(path); if (file) { emit('file-read', expand(path), { self: file.origin === 'self', victim: file.origin === 'victim' }); data = file.data; } else data = ''; position = 0; },
    copyto: function (other) { other.Write(bytesOf(data)); },
  });
}
function xmlDocument() {
  function element() {
    var kind = '', value = '';
    return com('Element', {
      datatype: { $get: function () { return kind; }, $set: function (v) { kind = lower(v); } },
      text: { $get: function () { return value instanceof Uint8Array ? toBase64(value) : value; }, $set: function (v) { value = v; } },
      nodetypedvalue: { $get: function () { return kind === 'bin.base64' && !(value instanceof Uint8Array) ? fromBase64(value) : kind === 'bin.hex' ? new Uint8Array((text(value).match(/../g) || []).map(function (d) { return parseInt(d, 16); })) : value; }, $set: function (v) { value = v; } },
      setattribute: function () {}, appendchild: function (c) { return c; },
    });
  }
  return com('DOMDocument', {
    createelement: element, documentelement: { $get: element }, async: false, loadxml: function (xml) { if (/<(?:ms|msxsl):script/i.test(xml)) transformScripts(xml); return true; }, load: function (url) { request('GET', url, null, { how: 'DOMDocument' }); return true; },
    transformnode: function () { return ''; }, selectsinglenode: element, createnode: element, appendchild: function (c) { return c; },
  });
}
function transformScripts(xml) { text(xml).replace(/<(?:ms|msxsl):script[^>]*>([\s\S]*?)<\//gi, function (all, code) { runCode(code.replace(/<!\[CDATA\[|\]\]>/g, ''), 'stylesheet'); }); }

/* Management instrumentation, tasks, other programs. */
function wmi() {
  return com('SWbemServices', {
    execquery: function (query) { emit('query', query); return collection('Objects', wmiItems(query)); }, instancesof: function (name) { emit('query', name); return collection('Objects', wmiItems(name)); }, execnotificationquery: function (query) { emit('query', query, { subscription: true }); return stub('events'); },
    get: function (name) { return wmiClass(text(name)); }, connectserver: function () { return wmi(); }, security_: stub('security'),
  });
}
function wmiItems(query) {
  return [com('Object', { name: 'DESKTOP-7Q2', caption: 'Microsoft Windows 10 Pro', manufacturer: 'Dell Inc.', model: 'OptiPlex 7090', version: '10.0.19045', totalphysicalmemory: '17179869184', displayname: 'Windows Defender', serialnumber: '5CG1234', processid: 4242, terminate: function () { emit('process-kill', query); }, delete_: function () { emit('delete-object', query); } })];
}
function wmiClass(name) {
  return com(name, {
    create: function (command) { if (has(name, 'win32_process')) return startProcess(command, 'Win32_Process.Create'); if (has(name, 'win32_shadowcopy')) return 0; return startProcess(command, name); },
    spawninstance_: function () { return com(name, { put_: function () { if (/eventfilter|consumer/i.test(name)) emit('persistence', 'WMI ' + name); } }); },
    methods_: function () { return com('Method', { inparameters: com('In', { spawninstance_: function () { return com('In', {}); } }) }); },
    execmethod_: function (method, input) { return startProcess(input ? text(input.CommandLine) : '', 'Win32_Process.' + method); },
    delete_: function () { emit('delete-object', name); },
  });
}
function taskService() {
  function task() { var actions = []; return com('TaskDefinition', { registrationinfo: com('Info', {}), settings: com('Settings', {}), principal: com('Principal', {}), triggers: com('Triggers', { create: function () { return com('Trigger', { repetition: com('Repetition', {}) }); } }), actions: com('Actions', { create: function () { var action = com('Action', {}); push(actions, action); return action; } }), $text: '', commands: { $get: function () { return actions.map(function (a) { return text(a.Path) + ' ' + text(a.Arguments); }).join('; '); } } }); }
  return com('Schedule.Service', { connect: function () {}, newtask: task, getfolder: function () { return com('TaskFolder', { registertaskdefinition: function (name, definition) { emit('persistence', 'scheduled task ' + name + ': ' + definition.commands); return stub('task'); }, registertask: function (name) { emit('persistence', 'scheduled task ' + name); }, gettasks: function () { return collection('Tasks', []); } }); } });
}
function outlook() {
  return com('Outlook.Application', { getnamespace: function () { return com('NameSpace', { addresslists: collection('AddressLists', [com('List', { addressentries: collection('Entries', [com('Entry', { address: 'bob@office.example' })]) })]), getdefaultfolder: function () { return collection('Folder', []); }, logon: function () {} }); }, createitem: function () { var attached = 0; return com('MailItem', { attachments: com('Attachments', { add: function (path) { attached += 1; emit('mail-attachment', path, { self: lower(expand(path)) === lower(SCRIPT_PATH) }); } }), send: function () { emit('mail', 'sent by Outlook', { attached: attached }); }, display: function () {}, recipients: stub('recipients') }); } });
}
function dictionary() {
  var map = new Map();
  return com('Dictionary', { add: function (k, v) { map.set(k, v); }, exists: function (k) { return map.has(k); }, item: function (k) { return map.get(k); }, remove: function (k) { map.delete(k); }, removeall: function () { map.clear(); }, count: { $get: function () { return map.size; } }, comparemode: 0, keys: function () { return Array.from(map.keys()); }, items: function () { return Array.from(map.values()); } }, function (k) { return map.get(k); });
}
function network() { return com('WScript.Network', { username: 'Alice', computername: 'DESKTOP-7Q2', userdomain: 'OFFICE', mapnetworkdrive: function () {}, removenetworkdrive: function () {}, addwindowsprinterconnection: function () {}, setdefaultprinter: function () {}, enumnetworkdrives: function () { return collection('Drives', []); }, enumprinterconnections: function () { return collection('Printers', []); } }); }
function createObject(progId) {
  var id = lower(progId).replace(/\.\d+(\.\d+)*$/, '');
  emit('object', progId);
  if (id === 'wscript.shell' || id === 'shell.1' || id === 'new:{72c24dd5-d70a-438b-8a42-98424b88afb8}') return shell();
  if (id === 'shell.application') return shellApplication();
  if (id === 'scripting.filesystemobject') return fileSystem();
  if (id === 'scripting.dictionary') return dictionary();
  if (id === 'adodb.stream') return stream();
  if (/xmlhttp|winhttprequest/.test(id)) return http(text(progId));
  if (/domdocument|xmldom/.test(id)) return xmlDocument();
  if (id === 'wbemscripting.swbemlocator') return com('Locator', { connectserver: function () { return wmi(); }, security_: stub('security') });
  if (id === 'schedule.service') return taskService();
  if (id === 'outlook.application') return outlook();
  if (id === 'wscript.network') return network();
  if (id === 'internetexplorer.application') return com('InternetExplorer', { navigate: function (url) { request('GET', url, null, { how: 'InternetExplorer' }); }, navigate2: function (url) { request('GET', url, null, { how: 'InternetExplorer' }); }, readystate: 4, busy: false, quit: function () {}, document: stub('document') });
  if (/binaryformatter/.test(id)) return com('BinaryFormatter', { deserialize_2: function () { emit('load-assembly', 'BinaryFormatter.Deserialize'); return stub('assembly'); }, surrogateselector: null });
  if (/^system\.|mscorlib/.test(id)) return com(id, { frombase64string: fromBase64, getbytes_4: bytesOf, getbytecount_2: function (s) { return text(s).length; }, transformfinalblock: bytesOf, write: function () {}, add: function () {}, toarray: function () { return new Uint8Array(0); }, dynamicinvoke: function () { emit('load-assembly', progId); return stub('x'); } });
  if (/^(word|excel|powerpoint)\.application$/.test(id)) return com(text(progId), { ddeinitiate: function (app, topic) { return startProcess(text(app) + ' ' + text(topic), 'DDEInitiate'); }, registerxll: function (path) { emit('load-assembly', path); }, executeexcel4macro: function (code) { return startProcess(code, 'ExecuteExcel4Macro'); }, quit: function () {} });
  if (id === 'htmlfile') return com('htmlfile', { parentwindow: com('window', { eval: function (c) { return runCode(c, 'htmlfile'); }, execscript: function (c) { return runCode(c, 'htmlfile'); } }), write: function (html) { text(html).replace(/<script[^>]*>([\s\S]*?)<\/script/gi, function (all, code) { runCode(code, 'htmlfile'); }); } });
  return stub(text(progId));
}
function getObject(moniker) {
  var name = text(moniker);
  emit('object', name);
  if (/^winmgmts:/i.test(name)) { var at = /:(win32_\w+)/i.exec(name); return at ? wmiClass(at[1]) : wmi(); }
  if (/^script(?:let)?:/i.test(name)) { emit('remote-script', name); return stub(name); }
  if (/^new:/i.test(name)) return /9BA05972|13709620/i.test(name) ? com('Windows', { item: function () { return com('Browser', { document: com('Document', { application: shellApplication() }) }); }, document: com('Document', { application: shellApplication() }) }) : createObject(name);
  return stub(name);
}
function addWindowsObjects() {
  G.ActiveXObject = function ActiveXObject(progId) { return createObject(progId); };
  G.GetObject = getObject;
  G.CreateObject = createObject;
  G.ScriptEngine = function () { return 'JScript'; }; G.ScriptEngineMajorVersion = function () { return 5; }; G.ScriptEngineMinorVersion = function () { return 8; }; G.ScriptEngineBuildVersion = function () { return 19045; };
  G.CollectGarbage = function () {};
  G.Enumerator = function (list) { var items = list && list.$items || [], at = 0; this.atEnd = function () { return at >= items.length; }; this.moveNext = function () { at += 1; }; this.moveFirst = function () { at = 0; }; this.item = function () { return items[at]; }; };
  G.VBArray = function (array) { this.toArray = function () { return Array.from(array || []); }; this.getItem = function (i) { return array[i]; }; this.ubound = function () { return array.length - 1; }; this.lbound = function () { return 0; }; };
  G.execScript = function (code) { return runCode(code, 'execScript'); };
  /* JScript strings had no such limits as these, but these methods. */
  var sleeping = 0;
  G.WScript = G.WSH = com('WScript', {
    echo: function () {}, sleep: function (ms) { clock += +ms || 0; sleeping += +ms || 0; if (sleeping >= 60000 && sleeping - (+ms || 0) < 60000) emit('delay', sleeping + ' ms'); }, quit: function () { throw QUIT; }, createobject: createObject, getobject: getObject, connectobject: function () {}, disconnectobject: function () {},
    scriptfullname: SCRIPT_PATH, scriptname: SCRIPT_PATH.replace(/^.*\\/, ''), fullname: 'C:\\Windows\\System32\\wscript.exe', name: 'Windows Script Host', path: 'C:\\Windows\\System32', version: '5.812', buildversion: 19045, interactive: true, application: stub('application'), timeout: 0,
    arguments: com('Arguments', { length: 0, count: function () { return 0; }, named: com('Named', { exists: function () { return false; }, item: function () { return ''; } }, function () { return ''; }), unnamed: collection('Unnamed', []), item: function () { return ''; } }, function () { return ''; }),
    stdout: stub('stdout'), stderr: stub('stderr'), stdin: stub('stdin'), $text: 'Windows Script Host',
  });
}
`;
