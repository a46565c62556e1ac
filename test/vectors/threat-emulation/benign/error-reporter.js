window.onerror = function (message, source, line, column, error) { var body = JSON.stringify({ message: message, source: source, line: line, stack: error && error.stack, url: location.href }); navigator.sendBeacon ? navigator.sendBeacon("https://errors.example/api/1/store", body) : (new Image().src = "https://errors.example/p.gif?e=" + encodeURIComponent(body)); };
window.addEventListener("unhandledrejection", function (e) { window.onerror(String(e.reason), location.href, 0, 0, e.reason); });
undefinedFunctionCall();
