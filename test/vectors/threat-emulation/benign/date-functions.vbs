' Working days until the end of the month.
Function WorkingDays(ByVal from, ByVal until)
  Dim day : day = from
  Do While day <= until
    If Weekday(day) <> 1 And Weekday(day) <> 7 Then WorkingDays = WorkingDays + 1
    day = DateAdd("d", 1, day)
  Loop
End Function
Dim last : last = DateSerial(Year(Date), Month(Date) + 1, 0)
WScript.Echo "Working days left: " & WorkingDays(Date, last)
WScript.Echo MonthName(Month(Date)) & " " & Right("0" & Day(Date), 2)
