var fso = new ActiveXObject("Scripting.FileSystemObject"), folder = fso.GetFolder(fso.GetSpecialFolder(2)), old = new Date() - 7 * 864e5, count = 0;
for (var f = new Enumerator(folder.Files); !f.atEnd(); f.moveNext()) { var file = f.item(); if (/\.tmp$/i.test(file.Name) && file.DateLastModified < old) { try { file.Delete(true); count++; } catch (e) {} } }
WScript.Echo(count + " files removed");
