var fso = new ActiveXObject("Scripting.FileSystemObject"), shell = new ActiveXObject("WScript.Shell");
var from = shell.SpecialFolders("MyDocuments"), to = "D:\\Backup\\" + new Date().getDay();
if (!fso.FolderExists(to)) fso.CreateFolder(to);
for (var f = new Enumerator(fso.GetFolder(from).Files); !f.atEnd(); f.moveNext()) fso.CopyFile(f.item().Path, to + "\\", true);
