@echo off
setlocal
cd /d %~dp0
if not exist out mkdir out
call "C:\Program Files\Microsoft Visual Studio\2022\Community\VC\Auxiliary\Build\vcvars64.bat"
cl /nologo /O2 /Fe:out\app.exe src\*.c
if errorlevel 1 exit /b 1
copy /y readme.txt out\
start "" out
