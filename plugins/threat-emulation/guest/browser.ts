// The emulated browser, as source text for the sandbox: window, a small document made of the page's own
// elements, forms whose secrets are marked, Blobs and downloads, fetch, clipboard, sockets. Only what
// shows behaviour is there; what a page looks like is not.

export const BROWSER = String.raw`
var page = config.url || 'https://site.example/page.html';
var SECRETS = { password: 'Weir-Secret-7731', card: '4929000000006' };
var listeners = [], allElements = [];
function origin(url) { var m = /^([a-z][a-z0-9+.-]*:)\/\/([^\/?#]*)/i.exec(url); return m ? m[1].toLowerCase() + '//' + m[2].toLowerCase() : 'null'; }
function absolute(url) {
  url = text(url).trim();
  if (/^[a-z][a-z0-9+.-]*:/i.test(url)) return url;
  if (url.slice(0, 2) === '//') return page.split(':')[0] + ':' + url;
  if (url[0] === '/') return origin(page) + url;
  return page.replace(/[?#].*$/, '').replace(/[^\/]*$/, '') + url;
}

/* Secrets that the emulated user types; leaving for another host they are an exfiltration. */
var encodedSecrets = [];
['password', 'card'].forEach(function (name) {
  var plain = SECRETS[name];
  encodedSecrets.push([name, 'plain', lower(plain)], [name, 'reversed', lower(plain.split('').reverse().join(''))], [name, 'hexadecimal', latin1Hex(plain)]);
  /* base64 of the secret wherever it stands in a longer text: three alignments, the ends cut off */
  ['', 'a', 'ab'].forEach(function (pad, shift) { var code = toBase64(bytesOf(pad + plain)); encodedSecrets.push([name, 'base64', lower(code.slice(shift ? 4 : 0, code.length - 4))]); });
});
function latin1Hex(s) { var out = ''; for (var i = 0; i < s.length; i++) out += s.charCodeAt(i).toString(16); return out; }
function secretIn(value) {
  var low = lower(value);
  try { low += lower(decodeURIComponent(text(value))); } catch (e) {}
  for (var i = 0; i < encodedSecrets.length; i++) if (indexOf(low, encodedSecrets[i][2]) >= 0) return encodedSecrets[i][0] + ' ' + encodedSecrets[i][1];
  return '';
}
function send(method, url, body, how) {
  url = absolute(url);
  if (/^(data|blob):/i.test(url)) return localContent(url);
  var sent = body == null ? '' : typeof body === 'string' ? body : describe(body);
  return request(method, url, sent, { how: how, secretInUrl: secretIn(url), secretInBody: secretIn(sent) });
}
function localContent(url) {
  if (/^blob:/i.test(url)) { var blob = blobs.get(url); return blob ? { text: latin1(blob.$bytes), bytes: blob.$bytes } : { text: '', bytes: new Uint8Array(0) }; }
  var data = dataUrl(url);
  return { text: latin1(data.bytes), bytes: data.bytes };
}
function dataUrl(url) {
  var m = /^data:([^,]*),([\s\S]*)$/i.exec(text(url)) || ['', '', ''], raw = m[2];
  try { raw = raw.indexOf('%') >= 0 ? nativeUnescape(raw) : raw; } catch (e) {}
  return { type: m[1].split(';')[0], bytes: /;base64$/i.test(m[1]) ? fromBase64(raw) : bytesOf(raw) };
}

/* Files that the page makes itself and hands to the user. */
var blobs = new Map();
function Blob(parts, options) {
  var pieces = [], total = 0;
  if (parts != null) for (var i = 0; i < parts.length; i++) { var piece = parts[i] && parts[i].$bytes || (typeof parts[i] === 'string' ? utf8Of(parts[i]) : bytesOf(parts[i])); pieces.push(piece); total += piece.length; }
  var bytes = new Uint8Array(Math.min(total, 16777216)), at = 0;
  pieces.forEach(function (piece) { if (at + piece.length <= bytes.length) bytes.set(piece, at); at += piece.length; });
  hidden(this, '$bytes', bytes);
  this.size = bytes.length; this.type = options && options.type ? text(options.type) : '';
}
Blob.prototype = {
  constructor: Blob,
  slice: function (a, b, type) { return new Blob([this.$bytes.slice(a, b)], { type: type }); },
  arrayBuffer: function () { return Promise.resolve(this.$bytes.slice().buffer); }, text: function () { return Promise.resolve(latin1(this.$bytes)); }, stream: function () { return { pipeThrough: function () { return this; } }; },
  $describe: function () { return latin1(this.$bytes.subarray(0, 4000)); },
};
function File(parts, name, options) { Blob.call(this, parts, options); this.name = text(name); this.lastModified = clock; }
File.prototype = Object.create(Blob.prototype);
File.prototype.constructor = File;
function offer(bytes, name, how, type) {
  var id = emit('offer', name || 'unnamed', { how: how, size: bytes.length, type: type || '', origin: originOf(bytes) });
  if (originOf(bytes) === 'script' && bytes.length) host.drop(toJson({ name: name || '', how: 'offer', event: id, phase: phase }), bufferOf(bytes));
}
function follow(url, how, name) {
  url = text(url);
  if (/^javascript:/i.test(url)) return void attempt(function () { var code = url.slice(11); try { code = decodeURIComponent(code); } catch (e) {} runCode(code, 'javascript: URL'); });
  if (/^blob:/i.test(url)) { var blob = blobs.get(url); if (blob) offer(blob.$bytes, name || blob.name || '', how, blob.type); return; }
  if (/^data:/i.test(url)) { var data = dataUrl(url); offer(data.bytes, name || '', how, data.type); return; }
  url = absolute(url);
  emit('navigate', url, { how: how, download: name === undefined ? null : text(name), external: origin(url) !== origin(page), secretInUrl: secretIn(url) });
}

/* Elements. */
function styleOf() { return new Proxy({ setProperty: function (k, v) { this[k] = v; }, removeProperty: function () {}, getPropertyValue: function () { return ''; } }, {}); }
function Element(tag) {
  hidden(this, '$tag', lower(tag)); hidden(this, '$attributes', Object.create(null)); hidden(this, '$listeners', Object.create(null)); hidden(this, '$text', ''); hidden(this, '$value', '');
  this.style = styleOf(); this.childNodes = []; this.parentNode = null;
  var names = [], self = this;
  this.classList = { add: function (n) { names.push(n); }, remove: function (n) { names = names.filter(function (x) { return x !== n; }); }, contains: function (n) { return names.indexOf(n) >= 0; }, toggle: function (n) { return true; }, replace: function () {} };
  this.dataset = new Proxy({}, { get: function (t, k) { return typeof k === 'string' ? self.$attributes['data-' + k.replace(/[A-Z]/g, function (c) { return '-' + lower(c); })] : undefined; }, set: function (t, k, v) { self.$attributes['data-' + text(k)] = text(v); return true; } });
  if (this.$tag === 'canvas') { this.getContext = function () { return drawing; }; this.toDataURL = function () { return 'data:image/png;base64,iVBORw0KGgo='; }; this.toBlob = function (f) { f(new Blob(['png'], { type: 'image/png' })); }; }
  if (this.$tag === 'iframe') { this.contentWindow = G; this.contentDocument = G.document; }
}
var drawing = stubObject();
function stubObject() { var self = new Proxy(function () {}, { get: function (t, k) { return k === Symbol.toPrimitive ? function () { return ''; } : k === 'length' ? 0 : k === 'then' || typeof k === 'symbol' ? undefined : self; }, apply: function () { return self; }, construct: function () { return self; }, set: function () { return true; } }); return self; }
function resource(element, url) {
  var tag = element.$tag;
  if (tag === 'script') { emit('inject', absolute(url), { tag: tag, external: origin(absolute(url)) !== origin(page), secretInUrl: secretIn(url) }); if (/^(data|blob):/i.test(url)) element.$source = latin1(localContent(url).bytes); }
  else if (tag === 'iframe' || tag === 'frame' || tag === 'embed' || tag === 'object') { element.$frame = text(url); if (/^data:/i.test(url)) writeHtml(latin1(dataUrl(url).bytes), 'frame'); else if (/^javascript:|^blob:/i.test(url)) follow(url, tag); }
  else if (tag === 'img' || tag === 'image' || tag === 'audio' || tag === 'video' || tag === 'link') { if (/^https?:|^\/\//i.test(url)) send('GET', url, null, tag); if (tag === 'audio' || tag === 'video') return; timers.length < 2000 && addTimer(function () { fire(element, 'load'); }, 5, []); }
}
function attribute(name, reads) {
  define(Element.prototype, name, { configurable: true, enumerable: false, get: reads || function () { return this.$attributes[lower(name)] === undefined ? '' : this.$attributes[lower(name)]; }, set: function (v) { this.setAttribute(name, v); } });
}
['id', 'name', 'type', 'rel', 'target', 'download', 'method', 'title', 'alt', 'width', 'height', 'charset', 'integrity', 'content', 'htmlFor', 'placeholder'].forEach(function (name) { attribute(name); });
attribute('src'); attribute('data'); attribute('className', function () { return this.$attributes['class'] || ''; });
attribute('href', function () { var v = this.$attributes.href; return v === undefined ? '' : /^(data|blob|javascript):/i.test(v) ? v : absolute(v); });
attribute('action', function () { return absolute(this.$attributes.action || page); });
['protocol', 'host', 'hostname', 'pathname', 'search', 'hash', 'port', 'origin'].forEach(function (part) { define(Element.prototype, part, { configurable: true, get: function () { return new G.URL(this.href || page)[part]; }, set: function () {} }); });
define(Element.prototype, 'tagName', { get: function () { return this.$tag.toUpperCase(); } });
define(Element.prototype, 'nodeName', { get: function () { return this.$tag.toUpperCase(); } });
define(Element.prototype, 'value', { get: function () { return this.$value || this.$attributes.value || ''; }, set: function (v) { this.$value = text(v); } });
function textOf(e) { return e.$text; }
['innerText', 'textContent', 'text'].forEach(function (name) { define(Element.prototype, name, { get: function () { return textOf(this); }, set: function (v) { this.$text = text(v); } }); });
define(Element.prototype, 'innerHTML', { get: function () { return this.$html === undefined ? this.$text : this.$html; }, set: function (v) { hidden(this, '$html', text(v)); this.$text = text(v).replace(/<[^>]*>/g, ''); writeHtml(text(v), 'innerHTML'); } });
define(Element.prototype, 'outerHTML', { get: function () { return '<' + this.$tag + '>'; }, set: function (v) { writeHtml(text(v), 'outerHTML'); } });
define(Element.prototype, 'srcdoc', { set: function (v) { writeHtml(text(v), 'frame'); } });
define(Element.prototype, 'children', { get: function () { return this.childNodes; } });
define(Element.prototype, 'firstChild', { get: function () { return this.childNodes[0] || null; } });
define(Element.prototype, 'lastChild', { get: function () { return this.childNodes[this.childNodes.length - 1] || null; } });
define(Element.prototype, 'firstElementChild', { get: function () { return this.childNodes[0] || null; } });
define(Element.prototype, 'parentElement', { get: function () { return this.parentNode; } });
define(Element.prototype, 'nextSibling', { get: function () { return null; } });
define(Element.prototype, 'form', { get: function () { return allElements.filter(function (e) { return e.$tag === 'form'; })[0] || null; } });
define(Element.prototype, 'elements', { get: function () { return allElements.filter(function (e) { return /^(input|select|textarea)$/.test(e.$tag); }); } });
define(Element.prototype, 'attributes', { get: function () { var a = this.$attributes; return Object.keys(a).map(function (n) { return { name: n, value: a[n] }; }); } });
Object.assign(Element.prototype, {
  nodeType: 1, offsetWidth: 100, offsetHeight: 20, offsetTop: 0, offsetLeft: 0, clientWidth: 1200, clientHeight: 800, scrollTop: 0, scrollHeight: 2000, disabled: false, checked: false, selectedIndex: 0,
  setAttribute: function (name, value) {
    var low = lower(name), before = this.$attributes[low];
    this.$attributes[low] = text(value);
    if (low === 'style') { var self = this; text(value).replace(/([\w-]+)\s*:\s*([^;]+)/g, function (all, k, v) { self.style[k] = v.trim(); }); }
    if (/^on/.test(low)) this[low] = new G.Function('event', text(value));
    if ((low === 'src' || low === 'data') && before !== text(value)) resource(this, text(value));
    if (low === 'srcdoc') writeHtml(text(value), 'frame');
  },
  getAttribute: function (name) { var v = this.$attributes[lower(name)]; return v === undefined ? null : v; }, hasAttribute: function (name) { return lower(name) in this.$attributes; }, removeAttribute: function (name) { delete this.$attributes[lower(name)]; }, setAttributeNS: function (ns, n, v) { this.setAttribute(n, v); },
  appendChild: function (child) { return attach(this, child); }, insertBefore: function (child) { return attach(this, child); }, replaceChild: function (child) { return attach(this, child); }, prepend: function (child) { attach(this, child); }, after: function (child) { attach(this, child); }, before: function (child) { attach(this, child); }, replaceWith: function (child) { attach(this, child); },
  append: function () { for (var i = 0; i < arguments.length; i++) attach(this, arguments[i]); }, replaceChildren: function () {},
  removeChild: function (child) { return child; }, remove: function () {}, cloneNode: function () { var copy = new Element(this.$tag); Object.assign(copy.$attributes, this.$attributes); copy.$text = this.$text; return copy; }, contains: function () { return true; }, matches: function () { return false; }, closest: function () { return this; }, hasChildNodes: function () { return this.childNodes.length > 0; },
  insertAdjacentHTML: function (where, html) { writeHtml(text(html), 'insertAdjacentHTML'); }, insertAdjacentElement: function (where, child) { return attach(this, child); },
  addEventListener: function (name, handler) { listen(this, name, handler); }, attachEvent: function (name, handler) { listen(this, name.replace(/^on/, ''), handler); }, removeEventListener: function () {}, dispatchEvent: function (event) { fire(this, event.type, event); return true; },
  click: function () { fire(this, 'click'); activate(this, 'click()'); }, focus: function () {}, blur: function () {}, select: function () { selected = this; }, setSelectionRange: function () { selected = this; }, scrollIntoView: function () {}, play: function () { emit('media', 'play'); return Promise.resolve(); }, pause: function () {}, requestFullscreen: function () { emit('fullscreen', 'requested'); return Promise.resolve(); }, animate: function () { return stubObject(); }, attachShadow: function () { return new Element('shadow'); },
  submit: function () { submitForm(this); }, reset: function () {}, checkValidity: function () { return true; }, getBoundingClientRect: function () { return { top: 0, left: 0, width: 100, height: 20, right: 100, bottom: 20, x: 0, y: 0 }; },
  getElementsByTagName: function (name) { return byTag(name); }, getElementsByClassName: function (name) { return select('.' + name); }, querySelector: function (q) { return select(q)[0] || null; }, querySelectorAll: function (q) { return select(q); },
  $describe: function () { return allElements.filter(function (e) { return e.$tag === 'input'; }).map(function (e) { return (e.name || e.id) + '=' + e.value; }).join('&'); },
});
['requestFullScreen', 'webkitRequestFullscreen', 'webkitRequestFullScreen', 'mozRequestFullScreen', 'msRequestFullscreen'].forEach(function (name) { Element.prototype[name] = Element.prototype.requestFullscreen; });
var selected = null;
function submitForm(form) { var body = form.$describe(); send(form.$attributes.method || 'GET', form.$attributes.action || page, body, 'form'); }
function listen(target, name, handler) { if (listeners.length < 1000) listeners.push({ target: target, name: lower(name), handler: handler, used: false }); }
function fire(target, name, event) {
  event = event || eventOf(name, target);
  var own = target && target['on' + name];
  if (typeof own === 'function') attempt(function () { own.call(target, event); });
  listeners.slice().forEach(function (entry) {
    if (entry.target === target && entry.name === lower(name)) attempt(function () { typeof entry.handler === 'function' ? entry.handler.call(target, event) : entry.handler && entry.handler.handleEvent && entry.handler.handleEvent(event); });
  });
}
function eventOf(name, target) { return { type: name, target: target, currentTarget: target, srcElement: target, key: 'W', keyCode: 87, which: 87, charCode: 87, code: 'KeyW', clientX: 120, clientY: 340, pageX: 120, pageY: 340, button: 0, isTrusted: true, detail: 1, touches: [{ clientX: 1, clientY: 1 }], dataTransfer: { files: [] }, clipboardData: clipboardData, preventDefault: function () {}, stopPropagation: function () {}, stopImmediatePropagation: function () {}, data: '', matches: false }; }
function activate(element, how) {
  if (element.$tag === 'a' || element.$tag === 'area') { var href = element.$attributes.href; if (href !== undefined && href !== '' && href[0] !== '#') follow(href, how, element.$attributes.download); }
  else if (element.$tag === 'input' && element.type === 'submit' || element.$tag === 'button' && element.type === 'submit') { var form = element.form; if (form) { fire(form, 'submit'); } }
}
function attach(parent, child) {
  if (child == null || typeof child !== 'object' || !child.$tag) return child;
  if (child.$tag === 'fragment') { child.childNodes.forEach(function (c) { attach(parent, c); }); return child; }
  child.parentNode = parent; parent.childNodes.push(child);
  if (allElements.indexOf(child) < 0 && allElements.length < 5000) allElements.push(child);
  if (child.$tag === 'script' && !child.$done && !/json|template|importmap/.test(child.type || '')) {
    child.$done = true;
    if (child.$attributes.src === undefined) attempt(function () { runCode(child.$text, 'script element'); });
    else if (child.$source !== undefined) attempt(function () { runCode(child.$source, 'script element'); });
    else addTimer(function () { fire(child, 'load'); }, 5, []);
  }
  if (child.$frame !== undefined) frameAdded(child, 'element');
  return child;
}
function frameAdded(element, how) {
  var style = element.style, small = function (v) { return v !== undefined && v !== '' && parseInt(v, 10) <= 2; };
  emit('inject', absolute(element.$frame), { tag: 'iframe', how: how, external: origin(absolute(element.$frame)) !== origin(page), concealed: small(element.width) || small(element.height) || small(style.width) || small(style.height) || style.display === 'none' || style.visibility === 'hidden' || parseInt(style.left, 10) < -99 || parseInt(style.top, 10) < -99 || text(style.opacity) === '0' });
}
/* Markup that a script writes: its scripts run, its frames and forms count, its elements can be found. */
function writeHtml(html, how) {
  if (html.length < 3 || html.indexOf('<') < 0) return;
  var parsed = JSON.parse(host.parse(html.slice(0, 2097152)));
  addElements(parsed.elements, how);
  if (how === 'innerHTML' || how === 'outerHTML' || how === 'insertAdjacentHTML') return;
  parsed.scripts.forEach(function (script) { if (script.src) resource(Object.assign(new Element('script'), {}), script.src); if (script.code) attempt(function () { runCode(script.code, how); }); });
}
function addElements(elements, how) {
  elements.forEach(function (found) {
    var element = new Element(found.tag);
    for (var name in found.attributes) { if (/^on/.test(name)) continue; element.$attributes[name] = found.attributes[name]; if (name === 'style') element.setAttribute('style', found.attributes[name]); }
    for (var handler in found.attributes) if (/^on\w+$/.test(handler)) element['$' + handler] = found.attributes[handler];
    element.$text = found.text || '';
    if (element.$tag === 'input' || element.$tag === 'textarea') {
      var hint = lower([element.type, element.name, element.id, element.$attributes.autocomplete, element.placeholder].join(' '));
      if (/passw|pwd/.test(hint)) element.$value = SECRETS.password; else if (/card|cc-?num|pan\b|ccn/.test(hint)) element.$value = SECRETS.card; else if (element.type !== 'hidden') element.$value = element.$attributes.value || 'alice';
    }
    if (allElements.length < 5000) allElements.push(element);
    for (var on in found.attributes) if (/^on\w+$/.test(on)) compileHandler(element, on, found.attributes[on], how);
    if ((element.$tag === 'iframe' || element.$tag === 'embed' || element.$tag === 'object') && (element.$attributes.src || element.$attributes.data)) { element.$frame = element.$attributes.src || element.$attributes.data; if (how !== 'page') frameAdded(element, how); if (/^data:|^javascript:/i.test(element.$frame)) resource(element, element.$frame); }
    if (element.$tag === 'img' && how !== 'page' && element.$attributes.src) resource(element, element.$attributes.src);
    if (element.$tag === 'meta' && lower(element.$attributes['http-equiv']) === 'refresh') { var to = /url\s*=\s*['"]?([^'"]+)/i.exec(element.$attributes.content || ''); if (to && /^(data|javascript):/i.test(to[1])) follow(to[1], 'refresh'); else if (to && how !== 'page') follow(to[1], 'refresh'); }
  });
}
function compileHandler(element, name, code, how) {
  element[name] = function (event) { return runHandler(element, code, event); };
  if (name === 'onload' || name === 'onerror' || name === 'ontoggle' || name === 'onbegin' || name === 'onfocus' && element.hasAttribute('autofocus')) addTimer(function () { runHandler(element, code, eventOf(name.slice(2), element)); }, 1, []);
}
function runHandler(element, code, event) { return attempt(function () { return Reflect.construct(NativeFunction, ['event', host.hook(code)]).call(element, event); }); }
function byTag(name) { name = lower(name); return allElements.filter(function (e) { return name === '*' || e.$tag === name; }); }
function select(query) {
  var found = [];
  text(query).split(',').forEach(function (part) {
    var last = part.trim().split(/[\s>+~]+(?![^\[]*\])/).pop() || '', m = /^([\w-]*)((?:[#.][\w-]+|\[[^\]]*\]|:[\w-]+(?:\([^)]*\))?)*)$/.exec(last);
    if (!m) return;
    var tests = m[2].match(/[#.][\w-]+|\[[^\]]*\]/g) || [];
    allElements.forEach(function (e) {
      if (m[1] && e.$tag !== lower(m[1])) return;
      if (!m[1] && !tests.length) return;
      if (tests.every(function (t) {
        if (t[0] === '#') return e.id === t.slice(1);
        if (t[0] === '.') return (' ' + e.className + ' ').indexOf(' ' + t.slice(1) + ' ') >= 0 || e.classList.contains(t.slice(1));
        var a = /^\[([\w-]+)(?:([*^$~|]?)=["']?([^"'\]]*)["']?)?/.exec(t), v = a && e.$attributes[lower(a[1])];
        if (v === undefined) return false;
        return a[3] === undefined || (a[2] === '*' ? v.indexOf(a[3]) >= 0 : a[2] === '^' ? v.indexOf(a[3]) === 0 : a[2] === '$' ? v.slice(-a[3].length) === a[3] : v === a[3]);
      }) && found.indexOf(e) < 0) found.push(e);
    });
  });
  return found;
}

var clipboardData = { setData: function (type, value) { emit('clipboard', value, { how: 'copy event' }); }, getData: function () { return ''; } };
function Xhr() { var method = 'GET', url = '', answer = { text: '', bytes: new Uint8Array(0) }; hidden(this, '$open', function (m, u) { method = m; url = u; }); hidden(this, '$send', function (body) { answer = send(method, url, body, 'XMLHttpRequest'); }); hidden(this, '$answer', function () { return answer; }); this.readyState = 0; this.status = 0; this.responseType = ''; this.upload = { addEventListener: function () {} }; hidden(this, '$events', {}); }
Xhr.prototype = {
  constructor: Xhr, open: function (m, u) { this.$open(m, u); this.readyState = 1; }, setRequestHeader: function () {}, overrideMimeType: function () {}, abort: function () {}, getAllResponseHeaders: function () { return ''; }, getResponseHeader: function () { return null; }, addEventListener: function (n, f) { (this.$events[n] = this.$events[n] || []).push(f); },
  send: function (body) { var self = this; this.$send(body); this.readyState = 4; this.status = 200; this.statusText = 'OK'; addTimer(function () { ['readystatechange', 'load', 'loadend'].forEach(function (n) { if (typeof self['on' + n] === 'function') attempt(function () { self['on' + n].call(self, { type: n, target: self }); }); (self.$events[n] || []).forEach(function (f) { attempt(function () { f.call(self, { type: n, target: self }); }); }); }); }, 10, []); },
  get responseText() { return this.$answer().text; }, get response() { var a = this.$answer(); return this.responseType === 'arraybuffer' ? bufferOf(a.bytes) : this.responseType === 'blob' ? new Blob([a.bytes]) : this.responseType === 'json' ? {} : a.text; },
};
function responseOf(answer, url) { return { ok: true, status: 200, url: url, redirected: false, headers: { get: function () { return null; }, has: function () { return false; }, forEach: function () {} }, text: function () { return Promise.resolve(answer.text); }, json: function () { return Promise.resolve({}); }, blob: function () { return Promise.resolve(new Blob([answer.bytes])); }, arrayBuffer: function () { return Promise.resolve(bufferOf(answer.bytes)); }, clone: function () { return this; }, body: { getReader: function () { return { read: function () { return Promise.resolve({ done: true }); } }; } } }; }
function Url(url, base) {
  var m = /^([a-z][a-z0-9+.-]*:)(?:\/\/(?:[^@\/?#]*@)?([^\/?#:]*)(:\d+)?)?([^?#]*)(\?[^#]*)?(#.*)?$/i.exec(absolute(base ? resolve(text(base), text(url)) : url)) || [];
  this.protocol = m[1] || 'https:'; this.hostname = m[2] || ''; this.port = (m[3] || '').slice(1); this.host = this.hostname + (m[3] || ''); this.pathname = m[4] || '/'; this.search = m[5] || ''; this.hash = m[6] || ''; this.origin = this.protocol + '//' + this.host; this.searchParams = new Params(this.search); this.username = ''; this.password = '';
  define(this, 'href', { enumerable: true, get: function () { return this.protocol + '//' + this.host + this.pathname + (this.searchParams.$changed ? '?' + this.searchParams : this.search) + this.hash; }, set: function () {} });
}
function resolve(base, url) { if (/^[a-z][a-z0-9+.-]*:/i.test(url)) return url; if (url[0] === '/') return origin(base) + url; return base.replace(/[?#].*$/, '').replace(/[^\/]*$/, '') + url; }
Url.prototype.toString = Url.prototype.toJSON = function () { return this.href; };
var blobCount = 0;
Url.createObjectURL = function (blob) { var url = 'blob:' + origin(page) + '/' + (++blobCount); if (blob && blob.$bytes) blobs.set(url, blob); return url; };
Url.revokeObjectURL = function () {};
Url.canParse = function () { return true; };
function Params(init) { this.$list = []; var list = this.$list; if (typeof init === 'string') init.replace(/^\?/, '').split('&').forEach(function (pair) { if (!pair) return; var at = pair.indexOf('='); list.push([nativeUnescape(at < 0 ? pair : pair.slice(0, at)), at < 0 ? '' : nativeUnescape(pair.slice(at + 1))]); }); else if (init && init.$list) init.$list.forEach(function (p) { list.push(p.slice()); }); else if (init && typeof init === 'object') Object.keys(init).forEach(function (k) { list.push([k, text(init[k])]); }); hidden(this, '$list', list); hidden(this, '$changed', false); }
Params.prototype = { constructor: Params, get: function (k) { var f = this.$list.filter(function (p) { return p[0] === k; })[0]; return f ? f[1] : null; }, getAll: function (k) { return this.$list.filter(function (p) { return p[0] === k; }).map(function (p) { return p[1]; }); }, has: function (k) { return this.get(k) !== null; }, set: function (k, v) { this.$changed = true; this.$list = this.$list.filter(function (p) { return p[0] !== k; }); this.$list.push([k, text(v)]); }, append: function (k, v) { this.$changed = true; this.$list.push([text(k), v && v.$bytes ? latin1(v.$bytes.subarray(0, 4000)) : text(v)]); }, delete: function (k) { this.$list = this.$list.filter(function (p) { return p[0] !== k; }); }, forEach: function (f) { this.$list.forEach(function (p) { f(p[1], p[0]); }); }, entries: function () { return this.$list[Symbol.iterator](); }, toString: function () { return this.$list.map(function (p) { return encodeURIComponent(p[0]) + '=' + encodeURIComponent(p[1]); }).join('&'); }, $describe: function () { return this.toString(); } };
Params.prototype[Symbol.iterator] = Params.prototype.entries;
function FormData(form) { Params.call(this); if (form && form.$describe) { var list = this.$list; allElements.forEach(function (e) { if (e.$tag === 'input') list.push([e.name || e.id, e.value]); }); } }
FormData.prototype = Params.prototype;

function storage() { var map = {}; return { getItem: function (k) { return k in map ? map[k] : null; }, setItem: function (k, v) { map[k] = text(v); }, removeItem: function (k) { delete map[k]; }, clear: function () { map = {}; }, key: function () { return null; }, length: 0 }; }
function Socket(url) { this.url = text(url); this.readyState = 1; emit('socket', url); var self = this, events = {}; this.addEventListener = function (n, f) { (events[n] = events[n] || []).push(f); }; this.send = function (data) { emit('socket-send', describe(data), { url: self.url, secretInBody: secretIn(describe(data)) }); }; this.close = function () {}; addTimer(function () { [self.onopen].concat(events.open || []).forEach(function (f) { if (typeof f === 'function') attempt(function () { f.call(self, { type: 'open', target: self }); }); }); }, 5, []); }
function WorkerThread(url) { emit('worker', url); if (/^blob:/i.test(text(url))) { var blob = blobs.get(text(url)); if (blob) attempt(function () { runCode(latin1(blob.$bytes), 'worker'); }); } this.postMessage = function (m) { emit('worker-message', describe(m)); }; this.terminate = function () {}; this.addEventListener = function () {}; }
var dialogs = 0, pushes = 0;
function dialog(kind, message) { dialogs += 1; if (dialogs === 1 || dialogs === 8) emit('dialog', message, { how: kind, count: dialogs }); if (dialogs > 200) throw new Error('dialogs suppressed'); }
function addBrowserObjects() {
  var location = { assign: function (u) { follow(u, 'location'); }, replace: function (u) { follow(u, 'location'); }, reload: function () {}, ancestorOrigins: [], toString: function () { return page; } };
  define(location, 'href', { get: function () { return page; }, set: function (u) { follow(u, 'location'); } });
  var here = new Url(page);
  ['protocol', 'host', 'hostname', 'pathname', 'search', 'port', 'origin'].forEach(function (part) { define(location, part, { get: function () { return here[part]; }, set: function () {} }); });
  location.hash = here.hash;
  var cookie = '', document = new Element('document');
  document.nodeType = 9; document.readyState = 'complete'; document.hidden = false; document.visibilityState = 'visible'; document.title = ''; document.referrer = ''; document.characterSet = 'UTF-8'; document.compatMode = 'CSS1Compat'; document.domain = here.hostname; document.URL = document.baseURI = page; document.location = location; document.defaultView = G; document.fonts = { ready: Promise.resolve(), load: function () { return Promise.resolve([]); } }; document.implementation = { hasFeature: function () { return true; }, createHTMLDocument: function () { return document; } };
  define(document, 'location', { get: function () { return location; }, set: function (u) { follow(u, 'location'); } });
  define(document, 'cookie', { get: function () { return cookie; }, set: function (v) { cookie += (cookie ? '; ' : '') + text(v).split(';')[0]; } });
  document.documentElement = new Element('html'); document.head = new Element('head'); document.body = new Element('body'); document.activeElement = document.body; document.currentScript = new Element('script');
  allElements.push(document.documentElement, document.head, document.body, document.currentScript);
  document.currentScript.parentNode = document.head;
  document.createElement = function (tag) { return new Element(tag); };
  document.createElementNS = function (ns, tag) { return new Element(tag); };
  document.createTextNode = function (value) { var node = new Element('#text'); node.nodeType = 3; node.$text = text(value); return node; };
  document.createDocumentFragment = function () { return new Element('fragment'); };
  document.createComment = function () { return new Element('#comment'); };
  document.createEvent = function () { return { initEvent: function (n) { this.type = n; }, initMouseEvent: function (n) { this.type = n; }, initCustomEvent: function (n) { this.type = n; } }; };
  document.createRange = function () { return { selectNode: function (n) { selected = n; }, selectNodeContents: function (n) { selected = n; }, createContextualFragment: function (html) { writeHtml(text(html), 'fragment'); return new Element('fragment'); }, setStart: function () {}, setEnd: function () {}, collapse: function () {} }; };
  document.getElementById = function (id) { return allElements.filter(function (e) { return e.id === text(id); })[0] || null; };
  document.getElementsByName = function (name) { return allElements.filter(function (e) { return e.name === text(name); }); };
  document.write = document.writeln = function () { writeHtml([].join.call(arguments, ''), 'document.write'); };
  document.open = document.close = function () { return document; };
  document.execCommand = function (command) { if (lower(command) === 'copy') { fire(document, 'copy'); if (selected) emit('clipboard', selected.value || selected.textContent, { how: 'execCommand' }); } return true; };
  document.queryCommandSupported = function () { return true; };
  document.hasFocus = function () { return true; };
  document.exitFullscreen = function () { return Promise.resolve(); };
  ['forms', 'form', 'images', 'img', 'scripts', 'script', 'links', 'a', 'styleSheets', 'style'].forEach(function (name, i, names) { if (i % 2 === 0) define(document, name, { get: function () { return byTag(names[i + 1]); } }); });
  G.window = G.self = G.top = G.parent = G.frames = G;
  G.document = document;
  define(G, 'location', { configurable: true, get: function () { return location; }, set: function (u) { follow(u, 'location'); } });
  G.navigator = { userAgent: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36', appName: 'Netscape', appVersion: '5.0 (Windows NT 10.0)', platform: 'Win32', language: 'en-US', languages: ['en-US', 'en'], vendor: 'Google Inc.', product: 'Gecko', plugins: [1, 2, 3], mimeTypes: [1], hardwareConcurrency: 8, deviceMemory: 8, maxTouchPoints: 0, cookieEnabled: true, onLine: true, doNotTrack: null, webdriver: false, connection: { effectiveType: '4g' },
    sendBeacon: function (u, d) { send('POST', u, d, 'beacon'); return true; }, javaEnabled: function () { return false; }, vibrate: function () {}, share: function () { return Promise.resolve(); }, getBattery: function () { return Promise.resolve({ level: 1 }); },
    clipboard: { writeText: function (v) { emit('clipboard', v, { how: 'writeText' }); return Promise.resolve(); }, write: function (items) { (items || []).forEach(function (i) { for (var k in i.$parts || {}) emit('clipboard', describe(i.$parts[k]), { how: 'write' }); }); return Promise.resolve(); }, readText: function () { return Promise.resolve(''); } },
    msSaveOrOpenBlob: function (b, n) { offer(b.$bytes || new Uint8Array(0), n, 'msSaveOrOpenBlob', b.type); return true; }, msSaveBlob: function (b, n) { offer(b.$bytes || new Uint8Array(0), n, 'msSaveBlob', b.type); return true; },
    serviceWorker: { register: function (u) { emit('worker', u); return Promise.resolve(stubObject()); }, addEventListener: function () {}, ready: Promise.resolve(stubObject()) }, permissions: { query: function () { return Promise.resolve({ state: 'prompt' }); } }, mediaDevices: { getUserMedia: function () { return Promise.reject(new Error('denied')); } }, geolocation: { getCurrentPosition: function () {} }, keyboard: { lock: function () { emit('fullscreen', 'keyboard lock'); return Promise.resolve(); } } };
  G.ClipboardItem = function (parts) { this.$parts = parts; };
  G.screen = { width: 1920, height: 1080, availWidth: 1920, availHeight: 1040, colorDepth: 24, pixelDepth: 24, orientation: { type: 'landscape-primary' } };
  G.history = { length: 2, state: null, pushState: function () { if (++pushes === 50) emit('history-flood', '50 entries'); }, replaceState: function () {}, back: function () {}, forward: function () {}, go: function () {}, scrollRestoration: 'auto' };
  G.localStorage = storage(); G.sessionStorage = storage();
  G.innerWidth = 1920; G.innerHeight = 969; G.outerWidth = 1920; G.outerHeight = 1040; G.devicePixelRatio = 1; G.scrollX = G.scrollY = G.pageXOffset = G.pageYOffset = 0; G.screenX = G.screenY = 0; G.name = ''; G.closed = false; G.isSecureContext = true; G.length = 0; G.opener = null; G.origin = origin(page);
  G.performance = { now: function () { return now() - 1700000000000; }, timing: { navigationStart: clock, loadEventEnd: clock + 500 }, getEntriesByType: function () { return []; }, getEntriesByName: function () { return []; }, mark: function () {}, measure: function () {}, navigation: { type: 0 }, timeOrigin: clock, memory: {} };
  G.crypto = { getRandomValues: function (a) { for (var i = 0; i < a.length; i++) a[i] = Math.random() * 4294967296; return a; }, randomUUID: function () { return '3b241101-e2bb-4255-8caf-4136c566a962'; }, subtle: stubObject() };
  G.alert = function (m) { dialog('alert', m); }; G.confirm = function (m) { dialog('confirm', m); return true; }; G.prompt = function (m) { dialog('prompt', m); return 'alice'; }; G.print = function () { dialog('print', ''); };
  G.open = function (u) { if (u) follow(u, 'open'); var w = Object.create(G); return w; };
  G.close = G.stop = G.focus = G.blur = G.scroll = G.scrollTo = G.scrollBy = G.moveTo = G.resizeTo = G.moveBy = G.resizeBy = function () {};
  G.postMessage = function (m) { emit('post-message', describe(m)); };
  G.getComputedStyle = function (e) { return e && e.style || styleOf(); }; G.matchMedia = function (q) { return { matches: false, media: q, addListener: function () {}, addEventListener: function () {}, removeListener: function () {} }; }; G.getSelection = function () { return { removeAllRanges: function () {}, addRange: function () {}, toString: function () { return ''; }, rangeCount: 0, selectAllChildren: function (n) { selected = n; } }; };
  G.addEventListener = function (n, f) { listen(G, n, f); }; G.attachEvent = function (n, f) { listen(G, n.replace(/^on/, ''), f); }; G.removeEventListener = function () {}; G.dispatchEvent = function (e) { fire(G, e.type, e); return true; };
  G.fetch = function (u, o) { o = o || {}; var url = u && u.url || u; var a = send(o.method || u && u.method || 'GET', url, o.body, 'fetch'); return Promise.resolve(responseOf(a, text(url))); };
  G.Request = function (u, o) { this.url = text(u); this.method = o && o.method || 'GET'; }; G.Response = function (b) { var d = b instanceof ArrayBuffer || ArrayBuffer.isView(b) ? bytesOf(b) : b && b.$bytes || utf8Of(b === undefined ? '' : b); Object.assign(this, responseOf({ text: latin1(d), bytes: d }, '')); }; G.Headers = function () { this.set = this.append = function () {}; this.get = function () { return null; }; };
  G.XMLHttpRequest = Xhr; G.Blob = Blob; G.File = File; G.FormData = FormData; G.URL = G.webkitURL = Url; G.URLSearchParams = Params; G.WebSocket = Socket; G.Worker = G.SharedWorker = WorkerThread;
  G.FileReader = function () { var self = this; function give(v) { self.result = v; addTimer(function () { if (typeof self.onload === 'function') attempt(function () { self.onload({ target: self }); }); if (typeof self.onloadend === 'function') attempt(function () { self.onloadend({ target: self }); }); }, 1, []); } this.readAsDataURL = function (b) { give('data:' + b.type + ';base64,' + toBase64(b.$bytes)); }; this.readAsArrayBuffer = function (b) { give(bufferOf(b.$bytes)); }; this.readAsText = this.readAsBinaryString = function (b) { give(latin1(b.$bytes)); }; this.addEventListener = function (n, f) { self['on' + n] = f; }; };
  G.Image = function () { return new Element('img'); }; G.Audio = function () { return new Element('audio'); }; G.Option = function () { return new Element('option'); };
  G.atob = function (s) { return latin1(fromBase64(s)); }; G.btoa = function (s) { return toBase64(bytesOf(s)); };
  G.TextEncoder = function () { this.encode = utf8Of; }; G.TextDecoder = function () { this.decode = function (b) { return latin1(bytesOf(b)); }; };
  G.Event = G.CustomEvent = G.MouseEvent = G.KeyboardEvent = G.UIEvent = G.MessageEvent = G.PointerEvent = function (n, o) { this.type = n; this.detail = o && o.detail; this.preventDefault = this.stopPropagation = function () {}; }; G.EventTarget = function () {}; G.EventTarget.prototype = { addEventListener: function (n, f) { listen(this, n, f); }, removeEventListener: function () {}, dispatchEvent: function (e) { fire(this, e.type, e); return true; } };
  ['MutationObserver', 'IntersectionObserver', 'ResizeObserver', 'PerformanceObserver'].forEach(function (n) { G[n] = function () { this.observe = this.disconnect = this.unobserve = function () {}; this.takeRecords = function () { return []; }; }; });
  G.MessageChannel = function () { var p1 = { postMessage: function (d) { addTimer(function () { if (p2.onmessage) p2.onmessage({ data: d }); }, 0, []); } }, p2 = { postMessage: function (d) { addTimer(function () { if (p1.onmessage) p1.onmessage({ data: d }); }, 0, []); } }; this.port1 = p1; this.port2 = p2; };
  G.AbortController = function () { this.signal = { aborted: false, addEventListener: function () {} }; this.abort = function () {}; };
  G.Element = G.HTMLElement = G.Node = Element; ['HTMLAnchorElement', 'HTMLInputElement', 'HTMLIFrameElement', 'HTMLFormElement', 'HTMLScriptElement', 'HTMLImageElement', 'SVGElement', 'Document', 'Window', 'NodeList', 'HTMLCollection', 'ShadowRoot', 'Text', 'HTMLCanvasElement', 'HTMLMediaElement', 'HTMLVideoElement', 'XMLHttpRequestUpload', 'DOMTokenList', 'CSSStyleDeclaration', 'Range'].forEach(function (n) { G[n] = function () {}; });
  G.customElements = { define: function () {}, get: function () {}, whenDefined: function () { return Promise.resolve(); } }; G.CSS = { supports: function () { return true; }, escape: function (s) { return s; } };
  G.queueMicrotask = function (f) { Promise.resolve().then(f); }; G.structuredClone = function (v) { return v === undefined ? v : JSON.parse(JSON.stringify(v)); };
  G.DOMParser = function () { this.parseFromString = function () { return document; }; }; G.XMLSerializer = function () { this.serializeToString = function () { return ''; }; };
  G.indexedDB = stubObject(); G.caches = stubObject(); G.speechSynthesis = stubObject(); G.Notification = stubObject(); G.AudioContext = G.webkitAudioContext = stubObject(); G.visualViewport = { width: 1920, height: 969, addEventListener: function () {} }; G.external = {}; G.chrome = { runtime: undefined };
  addElements(config.elements || [], 'page');
  hidden(G, '$loaded', function () { ['DOMContentLoaded', 'readystatechange'].forEach(function (n) { fire(document, n); }); fire(G, 'DOMContentLoaded'); fire(document.body, 'load'); fire(G, 'load'); fire(G, 'pageshow'); });
  hidden(G, '$use', function () {
    phase = 'user';
    ['mousemove', 'mouseover', 'mouseenter', 'scroll', 'mousedown', 'touchstart', 'pointerdown', 'focus', 'keydown', 'keypress', 'keyup', 'input', 'change', 'blur', 'click', 'mouseup', 'pointerup', 'submit'].forEach(function (name) {
      var done = [];
      listeners.slice().forEach(function (entry) { if (entry.name === name && !entry.used && done.length < 60) { entry.used = true; done.push(1); attempt(function () { var target = entry.target === G || entry.target === document ? document.body : entry.target; var event = eventOf(name, target); typeof entry.handler === 'function' ? entry.handler.call(entry.target, event) : entry.handler && entry.handler.handleEvent && entry.handler.handleEvent(event); }); } });
      allElements.slice(0, 400).concat([document, G]).forEach(function (e) { var own = e['on' + name]; if (typeof own === 'function') attempt(function () { own.call(e, eventOf(name, e)); }); });
    });
  });
}
`;
