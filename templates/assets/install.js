// Commands that work as they are copied: this site's own address where the operator has not told it, and buttons that copy.
// Then where a build stands in the queue (site/queue_places.py): in this file, because a page may load only so many.
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

  // ---------------------------------------------------------------- the queue

  // Below zero if the first place comes before the second: [priority, seconds, release, target].
  const compare = (one, other) => one[0] - other[0] || other[1] - one[1] || one[2] - other[2] || one[3] - other[3];
  const ordinal = (number) => {
    const last = number % 100 > 10 && number % 100 < 20 ? 0 : number % 10;
    return `${number.toLocaleString()}${["th", "st", "nd", "rd"][last] ?? "th"}`;
  };
  const rough = (seconds) => {
    if (seconds < 5_400) return `${Math.max(1, Math.round(seconds / 60))} min`;
    return seconds < 129_600 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
  };

  // Nothing where it is not known, because the build has begun or its page is older than the queue.
  const sayPlace = ({ builds, places }, mine) => {
    const after = places.findIndex(([, , ...place]) => compare(place, mine) > 0);
    const last = places[(after < 0 ? places.length : after) - 1];
    if (!last) return "";
    const [number, wait, ...place] = last;
    const next = after < 0 ? builds : places[after][0];
    const isExact = compare(place, mine) === 0;
    if (!isExact && next - number <= (after < 0 ? 0 : 1)) return "";
    const many = builds.toLocaleString();
    if (!isExact && after < 0 && builds - number > number) return `In the queue after the first ${number.toLocaleString()} of ${many}. `;
    const said = `${isExact ? "" : "About the "}${ordinal(number)} of ${many} in the queue`;
    return wait ? `${said}; about ${rough(wait)} of building comes before it. ` : `${said}. `;
  };

  const queued = [...document.querySelectorAll("[data-place]")];
  if (queued.length && location.protocol !== "file:") {
    fetch(new URL("fleet/queue.json", site)).then((answer) => answer.json()).then(({ queues }) => {
      for (const said of queued) {
        const mine = said.dataset.place.split(" ").map(Number);
        const queue = queues.find(({ targets }) => targets.includes(mine[3]));
        if (queue) said.prepend(sayPlace(queue, mine));
      }
    }).catch(() => {});
  }
})();
