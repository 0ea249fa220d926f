// A project without a page of its own: what is known of it stands in a file that it shares with others
// (site/html/packed.py). The name is behind the # of the address. Everything shown is put in as text.
"use strict";

(() => {
  const section = document.getElementById("packed");
  const heading = document.getElementById("packed-name"), lead = document.getElementById("packed-lead");
  const table = document.getElementById("packed-releases");
  const STATUSES = Object.fromEntries(Object.values(JSON.parse(section.dataset.statuses)));

  // The same as bucket_path in packed.py: FNV-1a of 32 bits.
  const bucket = (name) => {
    let mixed = 2166136261;
    for (const byte of new TextEncoder().encode(name)) mixed = Math.imul(mixed ^ byte, 16777619) >>> 0;
    return `${(mixed % 4096).toString(16).padStart(3, "0")}.json`;
  };

  const cell = (kind, className, text) => {
    const made = document.createElement(kind);
    if (className) made.className = className;
    made.textContent = text;
    return made;
  };

  const unknown = (name) => {
    lead.textContent = "This index knows no project of this name. ";
    const link = document.createElement("a");
    link.href = new URL(`${section.dataset.search}?q=${encodeURIComponent(name)}`, document.baseURI);
    link.textContent = "Search for it";
    lead.append(link);
  };

  const show = async () => {
    let name = "";
    try {
      name = decodeURIComponent(location.hash.slice(1)).toLowerCase().replace(/[-_.]+/g, "-");
    } catch {
      // No name that a project can have.
    }
    table.hidden = true;
    heading.textContent = name || "A project";
    if (!name) return unknown(name);
    if (location.protocol === "file:") {
      lead.textContent = "This page needs a web server: a browser reads no other files for a page on a disk.";
      return;
    }
    let projects = {};
    try {
      const answer = await fetch(new URL(`${section.dataset.projects}${bucket(name)}`, document.baseURI));
      if (answer.ok) projects = await answer.json();
      else if (answer.status !== 404) throw new Error(`status ${answer.status}`);
    } catch (problem) {
      lead.textContent = `The details are unavailable (${problem.message}). Please try again later.`;
      return;
    }
    if (!Object.hasOwn(projects, name)) return unknown(name);
    const [displayName, releases] = projects[name];
    heading.textContent = displayName;
    document.title = document.title.replace(/^[^·|–-]*/, `${displayName} `);
    const served = releases.some(([, , status]) => status === "upstream");
    lead.textContent = served
      ? `${section.dataset.upstream} already has wheels that fit. Use pip install ${name}.`
      : "No wheel available yet: the fleet has not tried to build one.";
    table.tBodies[0].replaceChildren(...releases.map(([version, target, status, reason]) => {
      const row = document.createElement("tr");
      const said = cell("td", status, "");
      said.append(cell("b", "mark", STATUSES[status] ?? status), cell("small", "", reason));
      row.append(cell("th", "", version ?? ""), cell("td", "target", target ?? ""), said);
      return row;
    }));
    table.hidden = !releases.length;
  };

  addEventListener("hashchange", show);
  show();
})();
