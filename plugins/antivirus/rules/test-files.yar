// Harmless strings that prove a scanner works. `weir_offset` is where the scanned window begins in the
// content: 0 means that the content itself begins here.

rule EICAR_Test_File
{
    meta:
        threat = "EICAR-Test-File"
        severity = "high"
        description = "EICAR anti-virus test file: 68 bytes at the start, then white space only, 128 bytes at most"
    strings:
        $start = { 58 35 4F 21 50 25 40 41 50 5B 34 5C 50 5A 58 35 34 28 50 5E 29 37 43 43 29 37 7D 24
                   45 49 43 41 52 2D 53 54 41 4E 44 41 52 44 2D 41 4E 54 49 56 49 52 55 53 2D 54 45 53
                   54 2D 46 49 4C 45 21 24 48 2B 48 2A }
    condition:
        weir_offset == 0 and filesize <= 128 and $start at 0 and
        for all i in (68..127) : (
            i >= filesize or uint8(i) == 0x20 or uint8(i) == 0x09 or
            uint8(i) == 0x0A or uint8(i) == 0x0D or uint8(i) == 0x1A
        )
}

rule Weir_Test_Malware
{
    meta:
        threat = "Weir-Test-Malware"
        severity = "high"
        description = "Lab string, found anywhere: weir-test-malware, a colon, then 9c4e7a1f63b2d8504be19fa7c25d3086"
    strings:
        $marker = { 77 65 69 72 2D 74 65 73 74 2D 6D 61 6C 77 61 72 65 3A 39 63 34 65 37 61 31 66 36 33
                    62 32 64 38 35 30 34 62 65 31 39 66 61 37 63 32 35 64 33 30 38 36 }
    condition:
        $marker
}
