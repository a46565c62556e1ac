var shell = new ActiveXObject("WScript.Shell");
shell.CurrentDirectory = "C:\\Program Files\\Office App";
shell.Run('"C:\\Program Files\\Office App\\app.exe" /profile:default', 1, false);
shell.Run("notepad.exe C:\\Program Files\\Office App\\news.txt", 1, false);
