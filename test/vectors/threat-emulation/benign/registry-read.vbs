Option Explicit
Dim shell, keys, key, text
Set shell = CreateObject("WScript.Shell")
keys = Array("ProductName", "CurrentBuild", "RegisteredOwner")
On Error Resume Next
For Each key In keys
  text = text & key & ": " & shell.RegRead("HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\" & key) & vbCrLf
Next
On Error GoTo 0
WScript.Echo text
