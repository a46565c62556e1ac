function go(path) { history.pushState({ path: path }, "", path); render(path); }
function render(path) { document.title = path; }
["/", "/about", "/contact", "/items/1", "/items/2"].forEach(go); window.addEventListener("popstate", function (e) { render(e.state && e.state.path); });
