// A few markers of script malware that are the same in whole families. Each needs several of them, in a
// file of the right shape, so that pages which write about such code do not match. Patterns are written
// so that this file matches none of them, and are bounded: they run on the main thread for small bodies.

rule PHP_Web_Shell
{
    meta:
        threat = "PHP.WebShell"
        severity = "critical"
        description = "PHP file that runs what a request field says"
    strings:
        $open = /<\?(php|=)/ nocase
        $call = /\b(eval|assert|system|passthru|shell_exec|popen)[ \t]{0,4}\([ \t@]{0,4}(base64_decode[ \t]{0,4}\([ \t@]{0,4})?\$_(GET|POST|REQUEST|COOKIE)[ \t]{0,4}\[/ nocase
    condition:
        // Small, and PHP from its start (or behind an image header): no manual, no blog page.
        weir_offset == 0 and filesize < 64KB and $call and
        ($open in (0..16) or (uint32be(0) == 0x47494638 and $open in (0..1024)))
}

rule PowerShell_Encoded_Cradle
{
    meta:
        threat = "PowerShell.EncodedCommand"
        severity = "high"
        description = "PowerShell started hidden, without profile or policy, with an encoded command"
    strings:
        $shell = /powershell(\.exe)?["' ]/ ascii wide nocase
        $encoded = /-e(c|nc|ncodedcommand)?[ ]{1,4}["']?[A-Za-z0-9+\/]{120}/ ascii wide nocase
        $flag1 = /-(ep|exec|executionpolicy) {1,4}bypass/ ascii wide nocase
        $flag2 = /-w(indowstyle|in)? {1,4}(hidden|1 )/ ascii wide nocase
        $flag3 = /-no(p|profile) / ascii wide nocase
        $page = /<(!doctype html|html|body|article|rss|feed)[ >]/ nocase
    condition:
        filesize < 1MB and $shell and $encoded and 2 of ($flag*) and not $page
}

rule JScript_Dropper
{
    meta:
        threat = "JScript.Dropper"
        severity = "high"
        description = "Windows script that downloads a file, saves it and runs it"
    strings:
        $shell = /WScript["'+ ]{0,8}\.["'+ ]{0,8}Shell/ nocase
        $stream = /ADODB["'+ ]{0,8}\.["'+ ]{0,8}Stream/ nocase
        $http1 = /MSXML2["'+ ]{0,8}\.["'+ ]{0,8}(Server)?XMLHTTP/ nocase
        $http2 = /WinHttp["'+ ]{0,8}\.["'+ ]{0,8}WinHttpRequest/ nocase
        $save = /\.[ ]?SaveToFile[ ]?\(/ nocase
        $run = /\.[ ]?(Run|Exec|ShellExecute)[ ]?\(/ nocase
        $page = /<(!doctype html|article|rss|feed)[ >]/ nocase
    condition:
        filesize < 1MB and $shell and $stream and any of ($http*) and $save and $run and not $page
}

rule Meterpreter_Python_Stager
{
    meta:
        threat = "Python.Meterpreter"
        severity = "critical"
        description = "One-line stager: executes decompressed base64 by way of __import__"
    strings:
        $exec = /exec\(__import__\(["']zlib["']\)\.decompress\(__import__\(["']base64["']\)\.b64decode\(/
        $codec = /__import__\(["']codecs["']\)\.getencoder\(["']utf-8["']\)\(["'][A-Za-z0-9+\/=]{64}/
        $page = /<(!doctype html|html|article|rss|feed)[ >]/ nocase
    condition:
        filesize < 1MB and $exec and $codec and not $page
}

rule PowerShell_Shellcode_Loader
{
    meta:
        threat = "PowerShell.ShellcodeLoader"
        severity = "critical"
        description = "PowerShell that copies bytes into executable memory and starts a thread there"
    strings:
        $delegate = /GetDelegateForFunctionPointer[ ]?\(/ ascii wide nocase
        $alloc = /VirtualAlloc[^A-Za-z]/ ascii wide nocase
        $thread = /CreateThread[^A-Za-z]/ ascii wide nocase
        $native = /Microsoft\.Win32\.UnsafeNativeMethods/ ascii wide nocase
        $bytes = /\[(System\.)?Convert\]::FromBase64String[ ]?\(["'][A-Za-z0-9+\/]{64}/ ascii wide nocase
        $page = /<(!doctype html|html|article|rss|feed)[ >]/ nocase
    condition:
        filesize < 1MB and $delegate and $alloc and $native and $bytes and $thread and not $page
}
