Attribute VB_Name = "Formatting"
Option Explicit
Sub Workbook_Open()
    Dim sheet As Object, row As Long
    On Error GoTo Failed
    Application.ScreenUpdating = False
    Set sheet = ActiveSheet
    For row = 2 To 40
        If row Mod 2 = 0 Then
            sheet.Rows(row).Interior.Color = RGB(240, 240, 240)
        End If
        sheet.Cells(row, 3).NumberFormat = "#,##0.00"
    Next row
    sheet.Columns("A:F").AutoFit
Finish:
    Application.ScreenUpdating = True
    Exit Sub
Failed:
    MsgBox "Could not format: " & Err.Description, vbExclamation
    Resume Finish
End Sub
