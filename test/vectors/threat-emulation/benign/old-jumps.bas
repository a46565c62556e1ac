Attribute VB_Name = "Sums"
Sub Document_Open()
    Dim total As Double, i As Integer
    GoSub Heading
    For i = 1 To 10
        total = total + i * 1.19
    Next i
    MsgBox total
    Exit Sub
Heading:
    ActiveDocument.Range.InsertBefore "Sums"
    Return
End Sub
