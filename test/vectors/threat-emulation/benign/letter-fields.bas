Attribute VB_Name = "ThisDocument"
Private Sub Document_New()
    ActiveDocument.Bookmarks("Date").Range.Text = Format(Now, "Long Date")
    ActiveDocument.Bookmarks("Author").Range.Text = Application.UserName
    ActiveDocument.Bookmarks("Office").Range.Text = Environ("USERNAME") & "@" & Environ("USERDNSDOMAIN")
    If Dir(Options.DefaultFilePath(wdUserTemplatesPath) & "\signature.png") <> "" Then ActiveDocument.InlineShapes.AddPicture Options.DefaultFilePath(wdUserTemplatesPath) & "\signature.png"
End Sub
