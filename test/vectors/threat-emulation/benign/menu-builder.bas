Attribute VB_Name = "ThisWorkbook"

Private Sub Workbook_Open()
    Dim bar As Object
    Set bar = Application.CommandBars("Cell")
    With bar.Controls.Add(1)
        .Caption = "Open project folder"
        .OnAction = "OpenFolder"
    End With
End Sub
Sub OpenFolder()
    Shell "explorer.exe " & ThisWorkbook.Path, vbNormalFocus
End Sub
