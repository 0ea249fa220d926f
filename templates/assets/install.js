// Commands that work as they are copied: this site's own address where the operator has not told it, and buttons that copy.
"use strict";

(() => {
  const UNKNOWN = "https://WHEELS.EXAMPLE";
  const site = new URL("..", document.currentScript.src);
  const own = site.href.replace(/\/$/, "");
  // pip asks for a word of trust where anybody on the way could change what it gets.
  const trusted = site.protocol === "http:" ? `$1 --trusted-host ${site.hostname}` : "$1";

  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const text = words.currentNode;
    if (!text.nodeValue.includes(UNKNOWN)) continue;
    const lines = text.nodeValue.split("\n").map((line) => {
      const isPip = /\bpip (install|download) /.test(line);
      const told = line.replaceAll(UNKNOWN, own);
      return isPip ? told.replace(/(--extra-index-url \S+)/, trusted) : told;
    });
    text.nodeValue = lines.join("\n");
  }
  for (const note of document.querySelectorAll("[data-address-unknown]")) note.hidden = true;

  const copy = async (code) => {
    // Only sites with https may write to the clipboard; others copy what is selected.
    if (navigator.clipboard) return navigator.clipboard.writeText(code.textContent);
    getSelection().selectAllChildren(code);
    if (!document.execCommand("copy")) throw new Error("the browser does not copy");
  };

  for (const command of document.querySelectorAll(".command")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const done = await copy(command.querySelector("code")).then(() => "Copied", () => "Select it and copy");
      button.textContent = done;
      setTimeout(() => { button.textContent = "Copy"; }, 2_000);
    });
    command.append(button);
  }
})();
