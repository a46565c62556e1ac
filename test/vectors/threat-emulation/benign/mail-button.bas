Attribute VB_Name = "ThisWorkbook"

Sub SendTimesheet()
    Dim outlook As Object, mail As Object
    Set outlook = CreateObject("Outlook.Application")
    Set mail = outlook.CreateItem(0)
    mail.To = "hours@office.example"
    mail.Subject = "Timesheet " & Range("B2").Value
    mail.Attachments.Add ThisWorkbook.FullName
    mail.Send
End Sub
