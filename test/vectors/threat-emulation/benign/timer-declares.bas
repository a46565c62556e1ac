Attribute VB_Name = "ThisWorkbook"

Private Declare PtrSafe Sub Sleep Lib "kernel32" (ByVal ms As Long)
Private Declare PtrSafe Function GetTickCount Lib "kernel32" () As Long
Private Declare PtrSafe Function SetTimer Lib "user32" (ByVal w As LongPtr, ByVal i As LongPtr, ByVal e As Long, ByVal f As LongPtr) As LongPtr
Sub Measure()
    Dim began As Long: began = GetTickCount
    Sleep 100
    Debug.Print GetTickCount - began
End Sub
