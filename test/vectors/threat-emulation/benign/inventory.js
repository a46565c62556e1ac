var service = GetObject("winmgmts:\\\\.\\root\\cimv2"), fso = new ActiveXObject("Scripting.FileSystemObject");
var out = fso.CreateTextFile("C:\\Inventory\\" + new ActiveXObject("WScript.Network").ComputerName + ".txt", true);
for (var e = new Enumerator(service.ExecQuery("SELECT Name, Manufacturer, Model FROM Win32_ComputerSystem")); !e.atEnd(); e.moveNext()) out.WriteLine(e.item().Name + "," + e.item().Manufacturer + "," + e.item().Model);
for (e = new Enumerator(service.ExecQuery("SELECT Caption, Version FROM Win32_OperatingSystem")); !e.atEnd(); e.moveNext()) out.WriteLine(e.item().Caption);
out.Close();
