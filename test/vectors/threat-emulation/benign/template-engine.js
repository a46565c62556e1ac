function compile(text) {
  var source = "var out='';with(data||{}){out+='" + text.replace(/'/g, "\\'").replace(/<%=([\s\S]+?)%>/g, "'+($1)+'").replace(/<%([\s\S]+?)%>/g, "';$1;out+='") + "';}return out;";
  return new Function("data", source);
}
var page = compile("<ul><% for (var i = 0; i < items.length; i++) { %><li><%= items[i] %></li><% } %></ul>");
document.body.innerHTML = page({ items: ["one", "two", "three"] });
