Class Log
  Private file
  Public Sub Open(path)
    Set file = CreateObject("Scripting.FileSystemObject").OpenTextFile(path, 8, True)
  End Sub
  Public Sub Add(text)
    file.WriteLine FormatDateTime(Now) & " " & text
  End Sub
  Public Sub Close()
    file.Close
  End Sub
End Class
Dim log1 : Set log1 = New Log
log1.Open "C:\Logs\backup.log"
log1.Add "started"
Dim one, folder
Set folder = CreateObject("Scripting.FileSystemObject").GetFolder("C:\Data")
For Each one In folder.Files
  If LCase(Right(one.Name, 4)) = ".bak" Then log1.Add one.Name & " " & one.Size
Next
log1.Add "done"
log1.Close
