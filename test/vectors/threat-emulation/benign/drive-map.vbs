Option Explicit
' Log-on script of the office: drives and printers by group.
Dim network, shell, user, group, drives, i
Set network = CreateObject("WScript.Network")
Set shell = CreateObject("WScript.Shell")
drives = Array("H:|\\files.test\home$", "P:|\\files.test\projects")
On Error Resume Next
For i = 0 To UBound(drives)
  Dim pair : pair = Split(drives(i), "|")
  network.RemoveNetworkDrive pair(0), True, True
  network.MapNetworkDrive pair(0), pair(1), False
  If Err.Number <> 0 Then
    shell.LogEvent 2, "drive " & pair(0) & " not mapped: " & Err.Description
    Err.Clear
  End If
Next
network.AddWindowsPrinterConnection "\\print.test\floor2"
shell.Run "net use", 0, True
