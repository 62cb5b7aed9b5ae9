"use strict";
// Niceties only: the page is whole without them.
for (const pre of document.querySelectorAll("pre.command")) {
  if (!navigator.clipboard) break;
  const b = document.createElement("button");
  b.type = "button"; b.className = "copy"; b.textContent = "copy";
  b.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(pre.textContent); b.textContent = "copied"; } catch { b.textContent = "not allowed"; }
    setTimeout(() => { b.textContent = "copy"; }, 1500);
  });
  pre.parentElement.before(b);
}
// A link into a section that is folded opens it; printing opens all of them.
addEventListener("beforeprint", () => { for (const d of document.querySelectorAll("details")) d.open = true; });
