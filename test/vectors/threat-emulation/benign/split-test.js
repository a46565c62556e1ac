var variant = localStorage.getItem("v") || (Math.random() < 0.5 ? "a" : "b"); localStorage.setItem("v", variant);
document.documentElement.classList.add("variant-" + variant);
if (variant === "b" && location.pathname === "/old") location.replace("/new" + location.search);
fetch("https://experiments.example/hit?v=" + variant, { keepalive: true });
