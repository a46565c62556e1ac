function createRequest() {
  if (window.XMLHttpRequest) return new XMLHttpRequest();
  var names = ["Msxml2.XMLHTTP.6.0", "Msxml2.XMLHTTP.3.0", "Microsoft.XMLHTTP"];
  for (var i = 0; i < names.length; i++) try { return new ActiveXObject(names[i]); } catch (e) {}
  return null;
}
var request = createRequest();
request.onreadystatechange = function () { if (request.readyState == 4 && request.status == 200) { var data = eval("(" + '{"a":1}' + ")"); document.title = data.a; } };
request.open("GET", "/api/news.json", true);
request.send(null);
