Attribute VB_Name = "ThisWorkbook"

' Runs when the report opens. Shell and URLDownloadToFile are not used here.
Private Sub Workbook_Open()
    Dim sheet As Worksheet, row As Long
    Application.ScreenUpdating = False
    For Each sheet In ThisWorkbook.Worksheets
        sheet.Columns("A:F").AutoFit
        For row = 2 To sheet.UsedRange.Rows.Count
            If sheet.Cells(row, 4).Value < 0 Then sheet.Cells(row, 4).Font.Color = RGB(200, 0, 0)
        Next row
    Next sheet
    Application.ScreenUpdating = True
    MsgBox "Report of " & Format(Date, "dd.mm.yyyy") & Chr(13) & Chr(10) & "is ready"
End Sub
