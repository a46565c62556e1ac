var Base64 = (function () {
  var alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
  function decode(input) { var o = "", i = 0; input = input.replace(/[^A-Za-z0-9+/=]/g, ""); while (i < input.length) { var a = alphabet.indexOf(input.charAt(i++)), b = alphabet.indexOf(input.charAt(i++)), c = alphabet.indexOf(input.charAt(i++)), d = alphabet.indexOf(input.charAt(i++)); o += String.fromCharCode(a << 2 | b >> 4); if (c != 64) o += String.fromCharCode((b & 15) << 4 | c >> 2); if (d != 64) o += String.fromCharCode((c & 3) << 6 | d); } return unescape(escape(o)); }
  return { decode: decode };
})();
document.title = Base64.decode("V2VsY29tZSB0byB0aGUgbGlicmFyeQ==");
