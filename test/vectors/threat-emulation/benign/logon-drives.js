var network = WScript.CreateObject("WScript.Network"), shell = WScript.CreateObject("WScript.Shell");
try { network.RemoveNetworkDrive("H:", true, true); } catch (e) {}
network.MapNetworkDrive("H:", "\\\\files.office.example\\home\\" + network.UserName);
network.AddWindowsPrinterConnection("\\\\print.office.example\\floor2");
if (shell.ExpandEnvironmentStrings("%USERDOMAIN%") == "OFFICE") shell.Popup("Welcome " + network.UserName, 3, "Log-on", 64);
