(function (i, s, o, g, r, a, m) { i['AnalyticsObject'] = r; i[r] = i[r] || function () { (i[r].q = i[r].q || []).push(arguments) }, i[r].l = 1 * new Date(); a = s.createElement(o), m = s.getElementsByTagName(o)[0]; a.async = 1; a.src = g; m.parentNode.insertBefore(a, m) })(window, document, 'script', 'https://stats.example/analytics.js', 'ga');
ga('create', 'UA-1-1', 'auto'); ga('send', 'pageview');
new Image().src = "https://stats.example/collect?v=1&dl=" + encodeURIComponent(location.href) + "&sr=" + screen.width + "x" + screen.height + "&r=" + Math.random();
navigator.sendBeacon && navigator.sendBeacon("https://stats.example/b", JSON.stringify({ t: Date.now(), ua: navigator.userAgent }));
