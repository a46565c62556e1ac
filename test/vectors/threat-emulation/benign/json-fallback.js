var JSON2 = {};
JSON2.parse = function (text) {
  if (/^[\],:{}\s]*$/.test(text.replace(/\\(?:["\\\/bfnrt]|u[0-9a-fA-F]{4})/g, "@").replace(/"[^"\\\n\r]*"|true|false|null|-?\d+(?:\.\d*)?(?:[eE][+\-]?\d+)?/g, "]").replace(/(?:^|:|,)(?:\s*\[)+/g, ""))) return eval("(" + text + ")");
  throw new SyntaxError("JSON");
};
console.log(JSON2.parse('{"name":"value","list":[1,2,3]}').name);
