(function (modules) { var cache = {}; function need(id) { if (cache[id]) return cache[id].exports; var m = cache[id] = { exports: {} }; modules[id].call(m.exports, m, m.exports, need); return m.exports; } need("./src/index.js"); })({
  "./src/index.js": function (module, exports, __webpack_require__) { eval("var util = __webpack_require__(\"./src/util.js\");\ndocument.title = util.name();\n//# sourceURL=webpack:///./src/index.js?"); },
  "./src/util.js": function (module, exports) { eval("exports.name = function () { return 'app'; };\n//# sourceURL=webpack:///./src/util.js?"); }
});
