// The emulated Acrobat, as source text for the sandbox: app, the document (`this`), util, Collab and what
// else scripts of PDF files reach for. What is not emulated answers with itself.

export const ACROBAT = String.raw`
function quiet() { var self = new Proxy(function () {}, { get: function (t, k) { return k === Symbol.toPrimitive ? function () { return ''; } : k === 'length' ? 0 : k === 'then' || typeof k === 'symbol' ? undefined : self; }, apply: function () { return self; }, construct: function () { return self; }, set: function () { return true; } }); return self; }
function withRest(members) { return new Proxy(members, { get: function (t, k) { return k in t ? t[k] : typeof k === 'symbol' ? undefined : quiet(); } }); }
function option(args, name, at) { var first = args[0]; return first && typeof first === 'object' && name in first ? first[name] : args[at || 0]; }
function exploit(what, long) { emit('exploit', what, { long: long }); }
function addAcrobatObjects() {
  G.app = withRest({
    viewerVersion: 9.5, viewerType: 'Reader', viewerVariation: 'Reader', platform: 'WIN', language: 'ENU', formsVersion: 9.5, plugIns: [{ name: 'EScript', version: 9.5 }, { name: 'Annots', version: 9.5 }], calculate: true, isStandalone: true,
    alert: function () { emit('dialog', describe(option(arguments, 'cMsg')), { how: 'alert', count: 1 }); return 1; }, response: function () { return 'alice'; }, beep: function () {}, popUpMenu: function () { return null; },
    launchURL: function () { var url = option(arguments, 'cURL'); emit('launch-url', url); }, openDoc: function () { emit('open-document', describe(option(arguments, 'cPath'))); return G.$document; }, newDoc: function () { return G.$document; },
    setTimeOut: function () { return addTimer(option(arguments, 'cExpr'), option(arguments, 'nMilliseconds', 1), [], false); }, setInterval: function () { return addTimer(option(arguments, 'cExpr'), option(arguments, 'nMilliseconds', 1), [], true); }, clearTimeOut: function () {}, clearInterval: function () {},
    execMenuItem: function (name) { emit('menu', name); }, trustedFunction: function (f) { return f; }, beginPriv: function () {}, endPriv: function () {}, mailMsg: function () { emit('mail', 'app.mailMsg', { attached: 0 }); },
    media: withRest({ newPlayer: function (value) { if (value === null || value === undefined) exploit('media.newPlayer(null)', false); return quiet(); }, getURLData: function () { exploit('media.getURLData', false); } }),
    doc: null,
  });
  G.event = withRest({ type: 'Open', name: 'Open', target: null, value: '', rc: true, source: quiet() });
  G.util = withRest({
    printf: function (format) { if (/%0?\d{4,}/.test(text(format))) exploit('util.printf(' + text(format).slice(0, 40) + ')', true); return text(format); }, printd: function (format) { if (text(format).length > 1000) exploit('util.printd', true); return '2026/01/01'; }, printx: function (format, value) { return text(value); }, scand: function () { return new G.Date(); },
    byteToChar: function (b) { return fromCharCode(b); }, charToByte: function (c) { return charCodeAt(text(c), 0); }, readFileIntoStream: function () { return quiet(); }, stringFromStream: function () { return ''; },
  });
  G.Collab = withRest({
    collectEmailInfo: function (o) { if (describe(o).length > 1000) exploit('Collab.collectEmailInfo', true); }, getIcon: function (name) { if (text(name).length > 500) exploit('Collab.getIcon', true); return null; }, isDocReadOnly: false, documentToStream: quiet,
  });
  G.spell = withRest({ customDictionaryOpen: function (a, b) { if (describe(a).length > 1000 || describe(b).length > 1000) exploit('spell.customDictionaryOpen', true); } });
  G.SOAP = withRest({ connect: function (url) { request('POST', url, '', { how: 'SOAP' }); return quiet(); }, request: function (o) { request('POST', o && o.cURL || '', describe(o), { how: 'SOAP' }); return quiet(); } });
  G.Net = withRest({ HTTP: withRest({ request: function (o) { request(o && o.cVerb || 'GET', o && o.cURL || '', describe(o), { how: 'Net.HTTP' }); } }) });
  G.identity = withRest({ name: 'Alice', loginName: 'alice', email: 'alice@office.example', corporation: '' });
  G.global = withRest({}); G.security = quiet(); G.RSS = quiet(); G.ADBC = quiet(); G.AFNumber_Format = G.AFDate_Format = G.AFSimple_Calculate = G.AFNumber_Keystroke = G.AFDate_FormatEx = G.AFDate_KeystrokeEx = G.AFSpecial_Format = G.AFPercent_Format = G.AFRange_Validate = G.AFMakeNumber = G.AFExtractNums = function () {};
  var members = {
    info: withRest(config.info || {}), numPages: 1, pageNum: 0, path: '/C/Users/Alice/Downloads/file.pdf', URL: 'file:///C|/file.pdf', documentFileName: 'file.pdf', title: (config.info || {}).title || '', author: (config.info || {}).author || '', subject: (config.info || {}).subject || '', keywords: (config.info || {}).keywords || '', creator: '', producer: '', external: false, numFields: 0, zoom: 100, dirty: false, calculate: true,
    getField: function (name) { return withRest({ name: name, value: '', valueAsString: '', display: 0 }); }, getNthFieldName: function () { return ''; }, addField: quiet, calculateNow: function () {}, resetForm: function () {},
    getAnnots: function (a) { if (typeof a === 'number' && a < -1) exploit('getAnnots(' + a + ')', false); return (config.annotations || []).map(function (s) { return { subject: s, contents: s, getProps: function () { return { subject: s }; } }; }); }, getAnnot: quiet, syncAnnotScan: function () {}, addAnnot: quiet,
    exportDataObject: function () { var name = option(arguments, 'cName'), launch = +option(arguments, 'nLaunch', 2) || 0; emit('export', name, { launch: launch }); }, importDataObject: function () {}, createDataObject: function (name, value) { host.drop(toJson({ name: text(name), how: 'attachment' }), bufferOf(bytesOf(value))); }, getDataObjectContents: quiet, openDataObject: function (name) { emit('export', name, { launch: 1 }); return G.$document; },
    submitForm: function () { emit('submit', describe(option(arguments, 'cURL'))); }, getURL: function (url) { emit('launch-url', url); }, mailDoc: function () { emit('mail', 'mailDoc', { attached: 1 }); }, mailForm: function () { emit('mail', 'mailForm', { attached: 0 }); }, print: function () {}, printSeps: function () {}, saveAs: function (p) { emit('file-write', describe(p), { how: 'saveAs', origin: 'document' }); }, closeDoc: function () {}, getPrintParams: quiet, scroll: function () {}, gotoNamedDest: function () {}, getPageNumWords: function () { return 0; }, getPageNthWord: function () { return ''; },
    addScript: function (name, code) { runCode(text(code), 'addScript'); }, setAction: function (name, code) { runCode(text(code), 'setAction'); }, setPageAction: function (page, name, code) { runCode(text(code), 'setPageAction'); }, getTemplate: quiet, spawnPageFromTemplate: quiet, createTemplate: quiet,
  };
  /* Scripts of a document run with the document as their global object. */
  for (var name in members) hidden(G, name, members[name]);
  hidden(G, '$document', G);
  G.app.doc = G; G.event.target = G; G.console.show = G.console.println = G.console.hide = function () {};
  ['bookmarkRoot', 'dataObjects', 'media', 'xfa', 'hostContainer', 'icons', 'layout'].forEach(function (n) { if (!(n in G)) hidden(G, n, quiet()); });
}
`;
