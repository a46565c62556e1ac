param([string]$Server = 'web01', [switch]$Restart)
Set-StrictMode -Version Latest
$source = Join-Path $PSScriptRoot 'out'
Get-ChildItem $source -Recurse | Where-Object { $_.Extension -ne '.pdb' } | Copy-Item -Destination "\\$Server\site" -Force
if ($Restart) { Invoke-Command -ComputerName $Server -ScriptBlock { Restart-Service W3SVC } }
Write-Host "Deployed to $Server" -ForegroundColor Green
