Set-ExecutionPolicy Bypass -Scope Process -Force
[System.Net.ServicePointManager]::SecurityProtocol = 3072
iex ((New-Object System.Net.WebClient).DownloadString('https://packages.example/install.ps1'))
Install-Module Pester -Scope CurrentUser
Write-Host 'Done'
