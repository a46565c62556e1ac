' Fills the places of a letter.
Dim places, text, key
Set places = CreateObject("Scripting.Dictionary")
places.Add "NAME", "Alice"
places.Add "DATE", FormatDateTime(Date)
text = "Dear {NAME}," & vbCrLf & "as of {DATE} your order is on its way."
For Each key In places.Keys
  text = Replace(text, "{" & key & "}", places(key))
Next
Dim stream : Set stream = CreateObject("ADODB.Stream")
stream.Type = 2
stream.Charset = "utf-8"
stream.Open
stream.WriteText text
stream.SaveToFile "C:\Letters\letter.txt", 2
stream.Close
