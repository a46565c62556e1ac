Attribute VB_Name = "ThisWorkbook"

Sub LoadOrders()
    Dim connection As Object, records As Object
    Set connection = CreateObject("ADODB.Connection")
    connection.Open "Provider=MSOLEDBSQL;Server=sql.office.example;Database=Orders;Trusted_Connection=yes;"
    Set records = connection.Execute("SELECT TOP 100 Id, Customer, Total FROM Orders ORDER BY Id DESC")
    Worksheets(1).Range("A2").CopyFromRecordset records
    records.Close: connection.Close
End Sub
Sub Auto_Open()
    LoadOrders
End Sub
