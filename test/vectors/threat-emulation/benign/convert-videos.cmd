@echo off
for %%f in (*.avi) do ffmpeg -i "%%f" -c:v libx264 -crf 20 "%%~nf.mp4"
del /q *.log
echo %date% %time% finished >> convert.txt
schtasks /query /tn "Nightly convert"
