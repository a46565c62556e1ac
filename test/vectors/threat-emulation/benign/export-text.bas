Attribute VB_Name = "ThisWorkbook"

Sub ExportSheet()
    Dim fso As Object, file As Object, r As Long
    Set fso = CreateObject("Scripting.FileSystemObject")
    Set file = fso.CreateTextFile(ThisWorkbook.Path & "\export.txt", True)
    For r = 1 To 100
        file.WriteLine Cells(r, 1).Value & Chr(9) & Cells(r, 2).Value & Chr(9) & Chr(34) & Cells(r, 3).Value & Chr(34)
    Next r
    file.Close
    Shell "notepad.exe """ & ThisWorkbook.Path & "\export.txt""", vbNormalFocus
End Sub
