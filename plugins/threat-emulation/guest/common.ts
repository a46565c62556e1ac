// What every emulated host shares, as source text that runs inside the sandbox before the script does:
// the reporting of behaviour, eval layers, virtual time, the in-memory file system and the network that
// answers with marked content. It is JavaScript of the guest; nothing of it runs in Node.
// `host` has emit(json) -> id, hook(code) -> code, drop(json, ArrayBuffer).

export const COMMON = String.raw`
var G = globalThis, NativeDate = Date, nativeEval = G.eval, NativeFunction = Function;
var uncurry = Function.prototype.bind.bind(Function.prototype.call);
var toJson = JSON.stringify, lowerCase = uncurry(String.prototype.toLowerCase);
var indexOf = uncurry(String.prototype.indexOf), slice = uncurry(String.prototype.slice);
var charCodeAt = uncurry(String.prototype.charCodeAt), fromCharCode = String.fromCharCode;
var own = uncurry(Object.prototype.hasOwnProperty), push = uncurry(Array.prototype.push), define = Object.defineProperty;
var layers = [], phase = 'auto', downloads = 0;
var MARK = 'weir-download-';

function text(value) { try { return '' + value; } catch (e) { return '[object]'; } }
function lower(value) { return lowerCase(text(value)); }
function has(value, part) { return indexOf(lower(value), part) >= 0; }
function hidden(target, name, value) {
  define(target, name, { value: value, writable: true, configurable: true, enumerable: false });
}
function emit(kind, what, more) {
  var event = { kind: kind, what: slice(text(what), 0, 4000), layer: layers.length ? layers[layers.length - 1] : 0, phase: phase };
  if (more) for (var key in more) event[key] = more[key];
  return host.emit(toJson(event));
}

/* Code that is made at run time: each piece is a layer, and what it does belongs to it. */
function enter(code, how) {
  push(layers, emit('layer', code, { how: how, size: code.length, downloaded: indexOf(code, MARK) >= 0 }));
  return host.hook(code);
}
hidden(G, '$layer', function (code) {
  if (typeof code !== 'string') { push(layers, layers.length ? layers[layers.length - 1] : 0); return code; }
  return enter(code, 'eval');
});
hidden(G, '$unlayer', function (value) { layers.pop(); return value; });
function runCode(code, how) {
  if (typeof code !== 'string') return code;
  var depth = layers.length;
  try { return nativeEval(enter(code, how)); } finally { layers.length = depth; }
}
hidden(G, 'eval', function (code) { return runCode(code, 'eval'); });
hidden(G, '$eval', G.eval);
hidden(G, '$nativeEval', nativeEval);
hidden(G, 'Function', new Proxy(NativeFunction, {
  apply: function (target, self, args) { return makeFunction(args); },
  construct: function (target, args) { return makeFunction(args); },
}));
hidden(NativeFunction.prototype, 'constructor', G.Function);
function makeFunction(args) {
  var parts = [];
  for (var i = 0; i < args.length; i++) push(parts, text(args[i]));
  if (parts.length) {
    var body = parts[parts.length - 1];
    var code = enter(body, 'Function');
    layers.pop();
    parts[parts.length - 1] = code;
  }
  return Reflect.construct(NativeFunction, parts);
}

/* Time passes only when somebody looks: waiting costs nothing and outlasts no sandbox. */
var clock = 1700000000000, looks = 0;
function now() { looks += 1; clock += looks < 1000 ? 1 : looks < 5000 ? 60 : 2000; return clock; }
G.Date = new Proxy(NativeDate, {
  construct: function (target, args) { return args.length ? Reflect.construct(target, args) : new NativeDate(now()); },
  apply: function () { return new NativeDate(now()).toString(); },
  get: function (target, key) { return key === 'now' ? now : target[key]; },
});
var timers = [], timerCount = 0;
function addTimer(code, delay, args, every) {
  var timer = { id: ++timerCount, at: clock + (+delay || 0), code: code, args: args, every: every ? Math.max(+delay || 0, 1) : 0, runs: 0 };
  if (timers.length < 2000) push(timers, timer);
  return timer.id;
}
function addTimers() {
  G.setTimeout = function (code, delay) { return addTimer(code, delay, [].slice.call(arguments, 2), false); };
  G.setInterval = function (code, delay) { return addTimer(code, delay, [].slice.call(arguments, 2), true); };
  G.clearTimeout = G.clearInterval = G.cancelAnimationFrame = function (id) { timers = timers.filter(function (t) { return t.id !== id; }); };
  G.setImmediate = function (code) { return addTimer(code, 0, [].slice.call(arguments, 1), false); };
  G.requestAnimationFrame = function (code) { return addTimer(code, 16, [16], false); };
  G.requestIdleCallback = function (code) { return addTimer(code, 1, [{ didTimeout: false, timeRemaining: function () { return 10; } }], false); };
}
/* Runs the timer that is due next; false when there is none. */
function runTimer() {
  if (!timers.length) return false;
  var best = 0;
  for (var i = 1; i < timers.length; i++) if (timers[i].at < timers[best].at) best = i;
  var timer = timers.splice(best, 1)[0];
  clock = Math.max(clock, timer.at);
  if (timer.every && ++timer.runs < 12) { timer.at = clock + timer.every; push(timers, timer); }
  attempt(function () {
    if (typeof timer.code === 'function') timer.code.apply(G, timer.args);
    else runCode(text(timer.code), 'setTimeout');
  });
  return true;
}
var faults = 0;
function attempt(work) {
  var depth = layers.length;
  try { return work(); } catch (error) {
    if (error !== QUIT && faults++ < 5) emit('exception', error && error.message !== undefined ? error.name + ': ' + error.message : error);
  } finally { layers.length = depth; }
}
var QUIT = { quit: true };

/* Bytes and their origin. */
function bytesOf(data) {
  if (data == null) return new Uint8Array(0);
  if (data instanceof Uint8Array) return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  var string = text(data), limit = Math.min(string.length, 8388608), bytes = new Uint8Array(limit);
  for (var i = 0; i < limit; i++) { var c = charCodeAt(string, i); bytes[i] = c < 256 ? c : 63; }
  return bytes;
}
function utf8Of(string) {
  string = text(string);
  var out = [], c;
  for (var i = 0; i < string.length && i < 8388608; i++) {
    c = string.codePointAt(i);
    if (c > 0xffff) i++;
    if (c < 0x80) out.push(c);
    else if (c < 0x800) out.push(0xc0 | c >> 6, 0x80 | c & 63);
    else if (c < 0x10000) out.push(0xe0 | c >> 12, 0x80 | c >> 6 & 63, 0x80 | c & 63);
    else out.push(0xf0 | c >> 18, 0x80 | c >> 12 & 63, 0x80 | c >> 6 & 63, 0x80 | c & 63);
  }
  return new Uint8Array(out);
}
function latin1(bytes) {
  var parts = [];
  for (var i = 0; i < bytes.length; i += 4096) parts.push(fromCharCode.apply(null, bytes.subarray(i, i + 4096)));
  return parts.join('');
}
function bufferOf(bytes) { return bytes.buffer.byteLength === bytes.length ? bytes.buffer : bytes.slice().buffer; }
var DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', VALUES = {};
for (var digit = 0; digit < 64; digit++) VALUES[DIGITS.charCodeAt(digit)] = digit;
VALUES[45] = 62; VALUES[95] = 63;
function fromBase64(string) {
  string = text(string);
  var out = new Uint8Array(string.length * 3 >> 2), length = 0, bits = 0, held = 0;
  for (var i = 0; i < string.length; i++) {
    var value = VALUES[charCodeAt(string, i)];
    if (value === undefined) continue;
    held = held << 6 | value; bits += 6;
    if (bits >= 8) { bits -= 8; out[length++] = held >> bits & 255; held &= (1 << bits) - 1; }
  }
  return out.subarray(0, length);
}
function toBase64(bytes) {
  var out = '';
  for (var i = 0; i < bytes.length; i += 3) {
    var group = bytes[i] << 16 | (bytes[i + 1] || 0) << 8 | (bytes[i + 2] || 0);
    out += DIGITS[group >> 18] + DIGITS[group >> 12 & 63] + (i + 1 < bytes.length ? DIGITS[group >> 6 & 63] : '=') + (i + 2 < bytes.length ? DIGITS[group & 63] : '=');
  }
  return out;
}

/* The network answers everything, with content that is recognised where it turns up again. */
function request(method, url, body, more) {
  downloads += 1;
  var details = { method: text(method).toUpperCase(), body: body == null ? '' : slice(typeof body === 'string' ? body : body instanceof Uint8Array ? latin1(body) : describe(body), 0, 4000) };
  if (more) for (var key in more) details[key] = more[key];
  emit('network', url, details);
  return { text: '/*' + MARK + downloads + '*/', bytes: downloaded(downloads) };
}
function describe(value) {
  if (value && typeof value.$describe === 'function') return value.$describe();
  try { return typeof value === 'object' ? toJson(value) : text(value); } catch (e) { return text(value); }
}
function downloaded(number) {
  var bytes = new Uint8Array(65536), mark = 'MZ' + MARK + number;
  for (var i = 0; i < mark.length; i++) bytes[i] = charCodeAt(mark, i);
  return bytes;
}
function originOf(data) {
  if (typeof data === 'string') return indexOf(slice(data, 0, 65536), MARK) >= 0 ? 'network' : 'script';
  return data instanceof Uint8Array && indexOf(latin1(data.subarray(0, 64)), MARK) >= 0 ? 'network' : 'script';
}

/* Binary data out of %u escapes, and large blocks of it, are what exploits fill memory with. */
var nativeUnescape = G.unescape, binaryEscapes = false, sprays = 0;
hidden(G, 'unescape', function (string) {
  var result = nativeUnescape(string), odd = 0, wide = 0;
  if (!binaryEscapes) {
    for (var i = 0; i < result.length && i < 4096; i++) {
      var c = charCodeAt(result, i);
      if (c > 255) wide++;
      /* No letter of any script stands there, or it is a filler that sleds are made of. */
      if (c >= 0xd7a4 && c <= 0xfeff || c >= 0xfff0 || c === 0x9090 || c === 0x0c0c || c === 0x0d0d || c === 0x0a0a || c === 0x4141) odd++;
    }
    if (odd >= 4 && odd * 6 > wide) { binaryEscapes = true; emit('binary-escape', string); }
  }
  return result;
});
['substring', 'substr', 'slice'].forEach(function (name) {
  var native = uncurry(String.prototype[name]);
  hidden(String.prototype, name, function (a, b) {
    if (binaryEscapes && this.length >= 32768 && sprays++ === 0) emit('spray', 'block of ' + this.length + ' characters');
    return b === undefined ? native(this, a) : native(this, a, b);
  });
});

G.console = {};
['log', 'info', 'warn', 'error', 'debug', 'trace', 'table', 'group', 'groupEnd', 'time', 'timeEnd', 'assert', 'dir', 'count', 'clear', 'groupCollapsed'].forEach(function (name) { G.console[name] = function () {}; });
`;
