var shell = WScript.CreateObject("WScript.Shell"), link = shell.CreateShortcut(shell.SpecialFolders("Desktop") + "\\Intranet.lnk");
link.TargetPath = "C:\\Program Files\\Internet Explorer\\iexplore.exe"; link.Arguments = "https://intranet.office.example/"; link.Description = "Intranet"; link.Save();
shell.RegWrite("HKCU\\Software\\OfficeApp\\Version", "4.2", "REG_SZ");
