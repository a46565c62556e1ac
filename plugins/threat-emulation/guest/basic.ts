// The run-time library of translated VBScript and VBA, as source text for the sandbox: operators, functions,
// errors, arrays, default hosts of Office, and API functions that a macro declares. Stands on windows.ts.

export const BASIC = String.raw`
var lib = {}, classes = Object.create(null), opened = Object.create(null), executable = 0, random = 0.7055475;
function plain(v) { return typeof v === 'function' && !objects.has(v); }
function error(number, message) { var e = new Error(message); e.number = number; return e; }
var errObject = com('Err', { number: { $get: function () { return lib.fault ? lib.fault.number || 5 : 0; }, $set: function () { lib.fault = null; } }, description: { $get: function () { return lib.fault ? text(lib.fault.message) : ''; } }, clear: function () { lib.fault = null; }, raise: function (n) { throw error(n, 'raised'); } });
lib.err = function (e) { if (e === QUIT) throw e; lib.fault = e || new Error('fault'); };
lib.ok = function (test, faulted) { try { return test(); } catch (e) { lib.err(e); if (faulted) faulted(); return true; } };
lib.quit = function () { throw QUIT; };
lib.out = null;
lib.both = function (value) { return value; };
lib.layer = function (code, value) { return host.basic(enterBasic(str(code)), !!value); };
function enterBasic(code) { push(layers, emit('layer', code, { how: 'Execute', size: code.length, downloaded: indexOf(code, MARK) >= 0 })); return code; }

function num(v) {
  if (typeof v === 'number') return v;
  if (v === true) return -1;
  if (v === undefined || v === null || v === false) return 0;
  if (v instanceof NativeDate) return +v / 86400000 + 25569;
  var s = text(v).trim();
  if (/^&h[0-9a-f]+&?$/i.test(s)) return parseInt(s.slice(2), 16);
  if (s === '' && typeof v === 'object') return 0;
  var n = Number(s.replace(/,/g, ''));
  if (s === '' || n !== n) { if (typeof v === 'object' || typeof v === 'function') return 0; throw error(13, 'Type mismatch'); }
  return n;
}
function str(v) {
  if (typeof v === 'string') return v;
  if (v === undefined || v === null) return '';
  if (v === true) return 'True';
  if (v === false) return 'False';
  if (v instanceof NativeDate) return dateText(v);
  if (v instanceof Uint8Array) return latin1(v);
  if (plain(v)) return str(v());
  return text(v);
}
function dateText(d) { return (d.getMonth() + 1) + '/' + d.getDate() + '/' + d.getFullYear() + ' ' + d.toTimeString().slice(0, 8); }
function dateOf(v) { return v instanceof NativeDate ? v : typeof v === 'number' ? new NativeDate((v - 25569) * 86400000) : new NativeDate(isNaN(NativeDate.parse(str(v))) ? clock : NativeDate.parse(str(v))); }
function round(v) { var n = num(v), f = Math.floor(n), d = n - f; return d > 0.5 || d === 0.5 && f % 2 !== 0 ? f + 1 : f; }
lib.num = num;
lib.t = function (v) { return typeof v === 'boolean' ? v : typeof v === 'string' ? /^true$/i.test(v) || !/^(?:false|)$/i.test(v) && num(v) !== 0 : num(v) !== 0; };
function isNumeric(v) { if (typeof v === 'number' || typeof v === 'boolean') return true; if (typeof v !== 'string' || !v.trim()) return false; try { num(v); return true; } catch (e) { return false; } }
lib.cat = function () { var s = ''; for (var i = 0; i < arguments.length; i++) s += str(arguments[i]); return s; };
lib.add = function (a, b) { if (typeof a === 'string' && typeof b === 'string' || typeof a === 'string' && !isNumeric(a) || typeof b === 'string' && !isNumeric(b)) return str(a) + str(b); return a instanceof NativeDate || b instanceof NativeDate ? dateOf(num(a) + num(b)) : num(a) + num(b); };
lib.sub = function (a, b) { return num(a) - num(b); };
lib.mul = function (a, b) { return num(a) * num(b); };
lib.div = function (a, b) { if (!num(b)) throw error(11, 'Division by zero'); return num(a) / num(b); };
lib.idiv = function (a, b) { if (!round(b)) throw error(11, 'Division by zero'); return Math.trunc(round(a) / round(b)); };
lib.mod = function (a, b) { if (!round(b)) throw error(11, 'Division by zero'); return round(a) % round(b); };
lib.pow = function (a, b) { return Math.pow(num(a), num(b)); };
lib.neg = function (a) { return -num(a); };
lib.not = function (a) { return typeof a === 'boolean' ? !a : ~num(a); };
function logic(bool, bits) { return function (a, b) { return typeof a === 'boolean' && typeof b === 'boolean' ? bool(a, b) : bits(num(a), num(b)); }; }
lib.and = logic(function (a, b) { return a && b; }, function (a, b) { return a & b; });
lib.or = logic(function (a, b) { return a || b; }, function (a, b) { return a | b; });
lib.xor = logic(function (a, b) { return a !== b; }, function (a, b) { return a ^ b; });
lib.eqv = logic(function (a, b) { return a === b; }, function (a, b) { return ~(a ^ b); });
lib.imp = logic(function (a, b) { return !a || b; }, function (a, b) { return ~a | b; });
function order(a, b) {
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  if (isNumeric(a) && isNumeric(b) || a instanceof NativeDate || b instanceof NativeDate) { a = num(a); b = num(b); return a - b; }
  if (typeof a === 'string' || typeof b === 'string') { a = str(a); b = str(b); return a < b ? -1 : a > b ? 1 : 0; }
  return num(a) - num(b);
}
lib.eq = function (a, b) { return order(a, b) === 0; }; lib.ne = function (a, b) { return order(a, b) !== 0; };
lib.lt = function (a, b) { return order(a, b) < 0; }; lib.gt = function (a, b) { return order(a, b) > 0; };
lib.le = function (a, b) { return order(a, b) <= 0; }; lib.ge = function (a, b) { return order(a, b) >= 0; };
lib.is = function (a, b) { return (a == null ? null : a) === (b == null ? null : b); };
lib.like = function (a, pattern) {
  var source = slice(str(pattern), 0, 500).replace(/\[!/g, '[^').replace(/[.+^$(){}|\\]/g, function (c, at, all) { return c === '^' && all[at - 1] === '[' ? c : '\\' + c; }).replace(/\*+|\?|#/g, function (c) { return c === '?' ? '[^]' : c === '#' ? '\\d' : '[^]*'; });
  return new RegExp('^' + source + '$').test(slice(str(a), 0, 4096));
};

/* Names, members, calls. */
lib.v = function (v) { return plain(v) ? v() : v; };
lib.c = function (f, args) {
  lib.out = null;
  if (f === undefined || f === null) throw error(13, 'Type mismatch');
  if (plain(f)) return f.apply(undefined, args);
  if (Array.isArray(f) || f instanceof Uint8Array) return element(f, args);
  if (typeof f === 'function') return f.apply(undefined, args);
  if (typeof f === 'object' && f.item && args.length) return f.item.apply(f, args);
  if (!args.length) return f;
  throw error(13, 'Type mismatch');
};
function element(array, args) {
  for (var i = 0; i < args.length; i++) { var at = round(args[i]); if (!array || at < 0 || at >= array.length) throw error(9, 'Subscript out of range'); array = array[at]; }
  return array;
}
lib.s = function (f, args, value) {
  if (Array.isArray(f) || f instanceof Uint8Array) { var last = round(args[args.length - 1]), inner = args.length > 1 ? element(f, args.slice(0, -1)) : f; if (last < 0 || last > 5000000) throw error(9, 'Subscript out of range'); inner[last] = value; }
  else if (f && f.$items !== undefined || f && f.exists && f.add) f.add(args[0], value, true);
};
lib.g = function (o, name) {
  if (o === undefined || o === null) throw error(424, 'Object required');
  var v = o[name];
  if (v === undefined && typeof o !== 'object' && typeof o !== 'function') throw error(424, 'Object required');
  if (v === undefined && !objects.has(o)) for (var key in o) if (lower(key) === name) { v = o[key]; break; }
  return plain(v) ? v.call(o) : v;
};
lib.m = function (o, name, args) {
  if (o === undefined || o === null) throw error(424, 'Object required');
  var v = o[name];
  if (v === undefined && !objects.has(o)) for (var key in o) if (lower(key) === name) { v = o[key]; break; }
  if (typeof v === 'function') return plain(v) ? v.apply(o, args) : v.apply(o, args);
  return args.length ? lib.c(v, args) : v;
};
lib.sg = function (o, name, value) { if (o === undefined || o === null) throw error(424, 'Object required'); o[name] = value; };
lib.sm = function (o, name, args, value) {
  if (o === undefined || o === null) throw error(424, 'Object required');
  if (name === 'item' && o.add) o.add(args[0], value, true); else if (!plain(o[name])) lib.s(o[name], args, value);
};
lib.each = function (v) {
  if (v == null) throw error(424, 'Object required');
  if (Array.isArray(v) || v instanceof Uint8Array) return Array.from(v);
  if (v.$items && v.$items.length !== undefined) return Array.from(v.$items);
  return v.keys && plain(v.keys) ? Array.from(v.keys()) : [];
};
function made(bounds, at) { var n = bounds.length ? round(bounds[at]) + 1 : 0; if (n > 5000000 || n < 0) throw error(7, 'Out of memory'); var a = new Array(n); for (var i = 0; i < n && (at + 1 < bounds.length || n < 100000); i++) a[i] = at + 1 < bounds.length ? made(bounds, at + 1) : undefined; return a; }
lib.array = function (bounds) { return made(bounds, 0); };
lib.redim = function (old, bounds, keep) { if (keep && Array.isArray(old) && bounds.length === 1) { old = old.slice(); old.length = round(bounds[0]) + 1; return old; } return made(bounds, 0); };
lib.erase = function (v) { if (Array.isArray(v)) v.length = 0; };
lib.class = function (name, maker) { classes[name] = maker; };
lib.method = function (o, name, work) { o[name] = work; };
lib.field = function (o, name, get, set) { if (!own(o, name)) define(o, name, { get: get, set: set, enumerable: true, configurable: true }); };
lib.setter = function (o, name, set) { var get = o[name]; define(o, name, { get: function () { return get ? get() : undefined; }, set: set, enumerable: true, configurable: true }); };
lib.make = function (type) {
  if (classes[type]) { var o = classes[type](); if (plain(o.class_initialize)) o.class_initialize(); return o; }
  if (type === 'regexp') return regexp();
  if (type === 'collection') { var items = []; return com('Collection', { $items: items, add: function (v) { push(items, v); }, count: { $get: function () { return items.length; } }, item: function (i) { return items[i - 1]; } }, function (i) { return items[i - 1]; }); }
  return createObject({ 'wshshell': 'WScript.Shell', 'iwshruntimelibrary.wshshell': 'WScript.Shell', 'filesystemobject': 'Scripting.FileSystemObject', 'dictionary': 'Scripting.Dictionary', 'shell32.shell': 'Shell.Application', 'msxml2.xmlhttp60': 'MSXML2.XMLHTTP', 'winhttprequest': 'WinHttp.WinHttpRequest.5.1' }[type] || type);
};
function regexp() {
  var state = { pattern: '', ignorecase: false, global: false };
  function compiled() { return new RegExp(str(state.pattern), (lib.t(state.global) ? 'g' : '') + (lib.t(state.ignorecase) ? 'i' : '')); }
  function property(n) { return { $get: function () { return state[n]; }, $set: function (v) { state[n] = v; } }; }
  return com('RegExp', { pattern: property('pattern'), ignorecase: property('ignorecase'), global: property('global'), multiline: false,
    test: function (s) { return compiled().test(slice(str(s), 0, 100000)); }, replace: function (s, to) { return str(s).replace(compiled(), str(to)); },
    execute: function (s) { var found = [], r = compiled(), m; s = slice(str(s), 0, 100000); while ((m = r.exec(s)) && found.length < 2000) { push(found, com('Match', { $text: m[0], value: m[0], firstindex: m.index, length: m[0].length, submatches: collection('SubMatches', m.slice(1)) })); if (!r.global) break; if (!m[0]) r.lastIndex++; } return collection('Matches', found); } });
}

/* Functions. */
function chr(n) { n = round(n); if (n < 0) n += 65536; return fromCharCode(n); }
function repeat(n, s) { n = round(n); if (n < 0 || n * s.length > 8388608) throw error(7, 'Out of memory'); return s.repeat(n); }
function mid(s, from, length) { s = str(s); from = round(from); if (from < 1) throw error(5, 'Invalid procedure call'); return length === undefined ? s.slice(from - 1) : s.slice(from - 1, from - 1 + round(length)); }
function find(s, part, from, compare) { s = str(s); part = str(part); if (compare) { s = s.toLowerCase(); part = part.toLowerCase(); } return indexOf(s, part, Math.max(from - 1, 0)) + 1; }
function cint(v) { return round(v); }
function ubound(a, d) { if (!a || a.length === undefined) throw error(13, 'Type mismatch'); for (d = d || 1; d > 1; d--) a = a[0]; return a.length - 1; }
function replace(s, a, b, from, count, compare) {
  s = str(s); a = str(a); b = str(b); if (!a) return s;
  if (s.length * Math.max(b.length, 1) > 4e7 && b.length > a.length * 4) throw error(7, 'Out of memory');
  return compare ? s.replace(new RegExp(a.replace(/[.*+?^$(){}|[\]\\]/g, '\\$&'), 'gi'), function () { return b; }) : s.split(a).join(b);
}
function part(unit) { return lower(unit); }
function dateAdd(unit, n, date) {
  var d = new NativeDate(+dateOf(date)), u = part(unit); n = num(n);
  if (u === 'yyyy') d.setFullYear(d.getFullYear() + n); else if (u === 'm') d.setMonth(d.getMonth() + n); else if (u === 'q') d.setMonth(d.getMonth() + 3 * n);
  else d.setTime(+d + n * ({ s: 1e3, n: 6e4, h: 36e5, d: 864e5, y: 864e5, w: 864e5, ww: 6048e5 }[u] || 0));
  return d;
}
function datePart(unit, v) { var d = dateOf(v), u = part(unit); return u === 'yyyy' ? d.getFullYear() : u === 'm' ? d.getMonth() + 1 : u === 'd' ? d.getDate() : u === 'h' ? d.getHours() : u === 'n' ? d.getMinutes() : u === 's' ? d.getSeconds() : u === 'w' ? d.getDay() + 1 : 1; }
function format(v, f) { if (f === undefined) return str(v); var d; return /[ymdhns]{2}/i.test(str(f)) ? (d = dateOf(v), str(f).replace(/yyyy|yy|mm|dd|hh|nn|ss/gi, function (k) { k = lower(k); var n = datePart({ yyyy: 'yyyy', yy: 'yyyy', mm: 'm', dd: 'd', hh: 'h', nn: 'n', ss: 's' }[k], d); return k === 'yyyy' ? n : ('0' + n).slice(-2); })) : str(v); }
var builtins = {
  chr: chr, chrw: chr, chrb: chr, asc: function (s) { s = str(s); if (!s) throw error(5, 'Invalid procedure call'); return charCodeAt(s, 0); }, lcase: function (s) { return lowerCase(str(s)); }, ucase: function (s) { return str(s).toUpperCase(); },
  mid: mid, left: function (s, n) { if (num(n) < 0) throw error(5, 'Invalid procedure call'); return str(s).slice(0, round(n)); }, right: function (s, n) { s = str(s); return s.slice(Math.max(0, s.length - round(n))); },
  len: function (s) { return str(s).length; }, lenb: function (s) { return s instanceof Uint8Array ? s.length : str(s).length * 2; }, trim: function (s) { return str(s).replace(/^ +| +$/g, ''); }, ltrim: function (s) { return str(s).replace(/^ +/, ''); }, rtrim: function (s) { return str(s).replace(/ +$/, ''); },
  instr: function (a, b, c, d) { return isNumeric(a) && c !== undefined ? find(b, c, round(a), d) : find(a, b, 1, c); }, instrrev: function (s, p) { return str(s).lastIndexOf(str(p)) + 1; },
  replace: replace, split: function (s, by, n) { s = str(s); by = by === undefined ? ' ' : str(by); return s === '' ? [] : by === '' ? [s] : s.split(by); }, join: function (a, by) { return lib.each(a).map(str).join(by === undefined ? ' ' : str(by)); },
  strreverse: function (s) { return str(s).split('').reverse().join(''); }, space: function (n) { return repeat(n, ' '); }, string: function (n, c) { return repeat(n, typeof c === 'number' ? chr(c) : str(c).slice(0, 1)); }, strcomp: function (a, b, c) { a = str(a); b = str(b); if (c) { a = lower(a); b = lower(b); } return a < b ? -1 : a > b ? 1 : 0; },
  filter: function (a, s) { return a.filter(function (v) { return indexOf(str(v), str(s)) >= 0; }); }, strconv: function (s, how) { return how === 128 ? bytesOf(str(s)) : how === 64 ? str(s) : how === 1 ? str(s).toUpperCase() : how === 2 ? lower(s) : str(s); },
  hex: function (n) { n = round(n); return (n < 0 ? n + 4294967296 : n).toString(16).toUpperCase(); }, oct: function (n) { return round(n).toString(8); }, val: function (s) { s = str(s).trim(); return /^&h/i.test(s) ? parseInt(s.slice(2), 16) || 0 : parseFloat(s) || 0; },
  cint: cint, clng: cint, clngptr: cint, clnglng: cint, cbyte: function (v) { v = round(v); if (v < 0 || v > 255) throw error(6, 'Overflow'); return v; }, cstr: str, cdbl: num, csng: num, ccur: num, cdec: num, cvar: function (v) { return v; }, cbool: function (v) { return lib.t(v); }, cdate: dateOf, int: function (v) { return Math.floor(num(v)); }, fix: function (v) { return Math.trunc(num(v)); },
  abs: function (v) { return Math.abs(num(v)); }, sgn: function (v) { return Math.sign(num(v)); }, sqr: function (v) { return Math.sqrt(num(v)); }, log: function (v) { return Math.log(num(v)); }, exp: function (v) { return Math.exp(num(v)); }, sin: function (v) { return Math.sin(num(v)); }, cos: function (v) { return Math.cos(num(v)); }, tan: function (v) { return Math.tan(num(v)); }, atn: function (v) { return Math.atan(num(v)); }, round: function (v, n) { var f = Math.pow(10, n || 0); return round(num(v) * f) / f; },
  rnd: function () { random = (random * 9301 + 0.4927) % 1; return random; }, randomize: function () {}, array: function () { return [].slice.call(arguments); }, ubound: ubound, lbound: function () { return 0; },
  isempty: function (v) { return v === undefined; }, isnull: function (v) { return v === null; }, isnumeric: isNumeric, isarray: function (v) { return Array.isArray(v) || v instanceof Uint8Array; }, isobject: function (v) { return typeof v === 'object' || typeof v === 'function'; }, isdate: function (v) { return v instanceof NativeDate || !isNaN(NativeDate.parse(str(v))); }, ismissing: function (v) { return v === undefined; }, iserror: function () { return false; },
  vartype: function (v) { return v === undefined ? 0 : v === null ? 1 : typeof v === 'number' ? 3 : typeof v === 'string' ? 8 : typeof v === 'boolean' ? 11 : Array.isArray(v) ? 8204 : 9; }, typename: function (v) { return v === undefined ? 'Empty' : v === null ? 'Nothing' : typeof v === 'number' ? 'Long' : typeof v === 'string' ? 'String' : typeof v === 'boolean' ? 'Boolean' : Array.isArray(v) ? 'Variant()' : 'Object'; },
  timer: function () { return now() / 1000 % 86400; }, now: function () { return new NativeDate(now()); }, date: function () { return new NativeDate(now()); }, time: function () { return new NativeDate(now()); },
  dateadd: dateAdd, datediff: function (u, a, b) { return Math.floor((dateOf(b) - dateOf(a)) / ({ s: 1e3, n: 6e4, h: 36e5, d: 864e5, ww: 6048e5, m: 2629800000, yyyy: 31557600000 }[part(u)] || 864e5)); }, datepart: datePart, dateserial: function (y, m, d) { return new NativeDate(num(y), num(m) - 1, num(d)); }, timeserial: function (h, m, s) { return (num(h) * 3600 + num(m) * 60 + num(s)) / 86400; }, datevalue: dateOf, timevalue: function (v) { var m = /(\d+):(\d+)(?::(\d+))?/.exec(str(v)) || [0, 0, 0, 0]; return (+m[1] * 3600 + +m[2] * 60 + +(m[3] || 0)) / 86400; },
  weekdayname: function (n) { return ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'][round(n) - 1]; }, monthname: function (n) { return ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'][round(n) - 1]; }, formatdatetime: function (v) { return str(dateOf(v)); }, formatnumber: function (v, n) { return num(v).toFixed(n === undefined ? 2 : n); }, formatpercent: function (v) { return (num(v) * 100).toFixed(2) + '%'; }, formatcurrency: function (v) { return '$' + num(v).toFixed(2); }, format: format,
  msgbox: function () { return 1; }, inputbox: function () { return ''; }, createobject: createObject, getobject: getObject, getref: function (n) { return G['v_' + lower(n)]; }, iif: function (a, b, c) { return lib.t(a) ? b : c; }, choose: function (n) { return arguments[round(n)]; }, switch: function () { for (var i = 0; i < arguments.length; i += 2) if (lib.t(arguments[i])) return arguments[i + 1]; return null; },
  shell: function (command, style) { startProcess(str(command), 'Shell', { hidden: style === 0 }); return 4242; }, environ: function (n) { return ENVIRONMENT[lower(n)] || ''; }, freefile: function () { return 1; }, kill: function (p) { deleteFile(str(p)); }, mkdir: function (p) { emit('file-write', str(p), { how: 'folder' }); }, filecopy: function (a, b) { copyFile(str(a), str(b), 'copy'); }, dir: function (p) { return p === undefined ? '' : str(p).replace(/^.*\\/, '').replace('*', 'file'); }, doevents: function () { return 0; }, varptr: function () { return 1; }, strptr: function () { return 1; }, objptr: function () { return 1; }, callbyname: function (o, n, kind) { return kind === 4 || kind === 8 ? lib.sg(o, lower(n), arguments[3]) : lib.m(o, lower(n), [].slice.call(arguments, 3)); }, scriptengine: function () { return 'VBScript'; }, sendkeys: function (k) { emit('send-keys', k); }, escape: function (s) { return G.escape(str(s)); }, unescape: function (s) { return G.unescape(str(s)); }, rgb: function (r, g, b) { return r + g * 256 + b * 65536; }, setattr: function () {}, getattr: function () { return 32; }, filelen: function () { return 4096; }, chdir: function () {}, chdrive: function () {}, appactivate: function () {},
};
[['year', 'yyyy'], ['month', 'm'], ['day', 'd'], ['hour', 'h'], ['minute', 'n'], ['second', 's'], ['weekday', 'w']].forEach(function (p) { builtins[p[0]] = function (v) { return datePart(p[1], v); }; });
['chr', 'chrw', 'mid', 'left', 'right', 'asc', 'len', 'instr'].forEach(function (n) { builtins[n + 'b'] = builtins[n + 'b'] || builtins[n]; builtins[n + 'w'] = builtins[n + 'w'] || builtins[n]; });
var constants = { vbcrlf: '\r\n', vbnewline: '\r\n', vbcr: '\r', vblf: '\n', vbtab: '\t', vbnullchar: '\0', vbnullstring: '', vbformfeed: '\f', vbverticaltab: '\v', vbhide: 0, vbnormalfocus: 1, vbminimizedfocus: 2, vbmaximizedfocus: 3, vbnormalnofocus: 4, vbminimizednofocus: 6, vbtextcompare: 1, vbbinarycompare: 0, vbok: 1, vbyes: 6, vbno: 7, vbcancel: 2, vbunicode: 64, vbfromunicode: 128, vbuppercase: 1, vblowercase: 2, vbmethod: 1, vbget: 2, vblet: 4, vbset: 8, vbobjecterror: -2147221504, vbstring: 8, vbarray: 8192, vbhidden: 2, vbnormal: 0, pi: undefined, win64: false, vba7: true };
function officeHost(name) {
  var properties = collection('Properties', []), self = com(name, { $text: name, name: 'Microsoft Word', username: 'Alice', version: '16.0', fullname: 'C:\\Users\\Alice\\Downloads\\' + (config.name || 'file.doc'), path: 'C:\\Users\\Alice\\Downloads', recentfiles: com('RecentFiles', { count: 12 }), tasks: com('Tasks', { count: 40 }), operatingsystem: 'Windows (64-bit) NT 10.00',
    run: function (procedure) { var f = G['v_' + lower(procedure).replace(/^.*[.!]/, '')]; return plain(f) ? f.apply(undefined, [].slice.call(arguments, 1)) : undefined; }, ontime: function (when, procedure) { var f = G['v_' + lower(procedure).replace(/^.*[.!]/, '')]; return plain(f) ? f() : undefined; }, wait: function () { return true; }, executeexcel4macro: function (code) { return /^(?:exec|call)/i.test(str(code)) ? startProcess(str(code), 'ExecuteExcel4Macro') : 0; }, registerxll: function (path) { emit('load-assembly', path); }, properties: properties });
  return self;
}
function module() { return new Proxy({}, { get: function (t, key) { return typeof key === 'string' ? G['v_' + lower(key)] : undefined; } }); }
lib.module = module;
function named(n) {
  if (own(builtins, n)) return builtins[n];
  if (own(constants, n)) return constants[n];
  if (n === 'wscript' || n === 'wsh') return G.WScript;
  if (n === 'err') return errObject;
  if (n === 'me' || n === 'thisdocument') return config.macro ? officeHost(n) : stub('Me');
  if (/^(?:document|window|self|navigator|location|history)$/.test(n)) return G[n];
  if (/^(?:application|activedocument|activeworkbook|thisworkbook|activepresentation)$/.test(n) && config.macro) return officeHost(n);
  if (/^(?:debug|activesheet|selection|sheets|worksheets|range|cells|documents|workbooks|normaltemplate|userform\d*|activecell|rows|columns|options|system|activewindow|usersession)$/.test(n) && config.macro) return stub(n);
  return undefined;
}
lib.names = function (list) { list.split(' ').forEach(function (n) { if (n && !(('v_' + n) in G)) G['v_' + n] = named(n); }); };
lib.start = function (name) { var f = G['v_' + name]; if (plain(f)) attempt(function () { f(); }); };

/* Files by number, and functions of Windows that a macro declares. */
lib.open = function (path, mode, n) { path = str(path); var file = fileAt(path); if (file && mode !== 'output') emit('file-read', path, { self: file.origin === 'self' }); opened[n] = { path: path, data: '', writes: mode !== 'input' }; };
lib.put = function (n, items, binary) { var f = opened[n]; if (!f || f.data.length > 4194304) return; f.data += binary ? items.slice(-1).map(function (v) { return Array.isArray(v) ? latin1(new Uint8Array(v.map(num))) : str(v); })[0] : items.map(str).join('') + '\r\n'; };
lib.close = function (n) { for (var key in opened) if (n === undefined || key === text(n)) { var f = opened[key]; delete opened[key]; if (f.writes && f.data) writeFile(f.path, f.data, 'binary'); } };
lib.rename = function (a, b) { copyFile(str(a), str(b), 'move'); };
lib.api = function (name) {
  var n = lower(name).replace(/(?:ex)?[aw]?$/, '');
  return function () {
    var a = [].slice.call(arguments);
    if (/^urldownloadtofile/.test(n)) { var got = request('GET', str(a[1]), null, { how: name }); writeFile(str(a[2]), got.bytes, 'URLDownloadToFile'); return 0; }
    if (/^shellexecut/.test(n)) { startProcess(str(a[2]) + ' ' + str(a[3]), name); return 42; }
    if (/^winexec/.test(n)) { startProcess(str(a[0]), name); return 42; }
    if (/^createprocess/.test(n)) { startProcess((str(a[0]) + ' ' + str(a[1])).trim(), name); return 1; }
    if (/^internetopenurl/.test(n)) { request('GET', str(a[1]), null, { how: name }); return 1; }
    if (/virtualalloc|virtualprotect|heapcreate|ntallocatevirtualmemory/.test(n)) { executable |= 1; return 65536; }
    if (/movememory|copymemory|writeprocessmemory|writevirtualmemory/.test(n)) { executable |= 2; return 1; }
    if (/createthread|createremotethread|queueuserapc|callwindowproc|^enum|settimer|grayst|certenum/.test(n)) { if (executable & 1) emit('load-assembly', name + ' of memory that was filled'); return 1; }
    if (n === 'sleep') { clock += num(a[0]); if (num(a[0]) >= 60000) emit('delay', num(a[0]) + ' ms'); return 0; }
    if (n === 'gettickcount') return now() % 2147483647;
    return 1;
  };
};
hidden(G, '$b', lib);
`;
