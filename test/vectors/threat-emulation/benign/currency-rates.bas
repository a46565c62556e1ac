Attribute VB_Name = "ThisWorkbook"

Sub UpdateRates()
    Dim request As Object, lines() As String, i As Long
    Set request = CreateObject("MSXML2.XMLHTTP.6.0")
    request.Open "GET", "https://rates.bank.example/daily.csv", False
    request.send
    lines = Split(request.responseText, vbLf)
    For i = 1 To UBound(lines)
        Worksheets("Rates").Cells(i, 1).Value = Split(lines(i) & ";", ";")(0)
    Next i
End Sub
Private Sub Workbook_Open()
    If Worksheets("Rates").Range("B1").Value < Date Then UpdateRates
End Sub
