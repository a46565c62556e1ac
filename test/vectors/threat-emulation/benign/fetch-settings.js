var http = new ActiveXObject("MSXML2.XMLHTTP"), fso = new ActiveXObject("Scripting.FileSystemObject");
http.open("GET", "https://intranet.office.example/settings.ini", false); http.send();
if (http.status == 200) { var t = fso.CreateTextFile("C:\\ProgramData\\OfficeApp\\settings.ini", true); t.Write(http.responseText); t.Close(); }
