Dim excel, book, sheet, row
Set excel = CreateObject("Excel.Application")
excel.Visible = True
Set book = excel.Workbooks.Add
Set sheet = book.Worksheets(1)
For row = 1 To 20
  sheet.Cells(row, 1).Value = "Item " & row
  sheet.Cells(row, 2).Value = row * 12.5
Next
book.SaveAs "C:\Reports\items.xlsx"
excel.Quit
