' Lists memory, processors and disks of this computer.
Dim service, item, lines
Set service = GetObject("winmgmts:{impersonationLevel=impersonate}!\\.\root\cimv2")
For Each item In service.ExecQuery("SELECT Name, TotalPhysicalMemory FROM Win32_ComputerSystem")
  lines = lines & item.Name & ";" & item.TotalPhysicalMemory & vbCrLf
Next
For Each item In service.ExecQuery("SELECT * FROM Win32_LogicalDisk WHERE DriveType = 3")
  lines = lines & item.DeviceID & ";" & FormatNumber(item.Size / 1024 / 1024 / 1024, 1) & vbCrLf
Next
For Each item In service.ExecQuery("SELECT Name, NumberOfCores FROM Win32_Processor")
  lines = lines & item.Name & vbCrLf
Next
Dim fso : Set fso = CreateObject("Scripting.FileSystemObject")
With fso.OpenTextFile("C:\Inventory\" & Year(Now) & ".csv", 8, True)
  .Write lines
  .Close
End With
