var code = "self.onmessage = function (e) { var n = 0; for (var i = 0; i < e.data; i++) n += i; self.postMessage(n); };";
var worker = new Worker(URL.createObjectURL(new Blob([code], { type: "application/javascript" })));
worker.onmessage = function (e) { console.log(e.data); }; worker.postMessage(1000);
