Set wmi = GetObject("winmgmts:\\.\root\cimv2")
Set fso = CreateObject("Scripting.FileSystemObject")
Set out = fso.CreateTextFile("services.csv", True)
For Each item In wmi.ExecQuery("Select * from Win32_Service")
  out.WriteLine item.Name & "," & item.State & "," & item.StartMode
Next
out.Close
