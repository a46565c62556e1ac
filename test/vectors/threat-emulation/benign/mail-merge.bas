Attribute VB_Name = "Merge"
Sub AutoNew()
    On Error GoTo Failed
    Dim names As Variant, i As Integer
    names = Array("Title", "Name", "Street", "City")
    With ActiveDocument.MailMerge
        .MainDocumentType = 0
        .OpenDataSource Name:="C:\Data\addresses.csv", ReadOnly:=True
        For i = 0 To UBound(names)
            .Fields.Add Selection.Range, names(i)
        Next i
        .Destination = 0
        .Execute Pause:=False
    End With
    Exit Sub
Failed:
    MsgBox Err.Description
End Sub
