// The run as it goes on, from status.json (docs/index-format.md): on the first page its numbers, on the page of the fleet
// what each builder does and how it is besides. Everything it shows is put in as text.
"use strict";

(() => {
  const section = document.getElementById("fleet-now");
  if (!section) return;
  const address = new URL(section.dataset.status, document.baseURI);

  // Milliseconds.
  const OFTEN = 5_000, SELDOM = 60_000, LONGEST = 300_000, PATIENCE = 15_000, TICK = 1_000;
  // Seconds without a sign of life after which a run is doubted (it gives one twice a minute).
  const SILENCE = 180;
  const MOST_HOSTS = 1000, MOST_BUILDS = 64, LONGEST_TEXT = 500;
  // What is not known has a grey mark.
  const MARKS = {
    building: "built", canary: "waiting", waiting: "waiting", silent: "trouble",
    paused: "waiting", draining: "waiting", drained: "waiting",
    suspended: "failed", unreachable: "failed", failed: "failed",
  };
  // The places of these marks in a table of builders.
  const RANKS = { failed: 0, trouble: 1, built: 2, waiting: 3 };

  let shown = null;        // the status as read last
  let ahead = 0;           // milliseconds the server's clock is ahead of this browser's
  let readAt = 0;
  let failures = 0;
  let trouble = "";        // why it was not read
  let isMissing = false;   // whether there was no file
  let doubted = false;     // whether the page shows a run that has fallen silent
  let paused = false;
  let timer = 0, ticker = 0, reading = null;

  // ---------------------------------------------------------------- words

  // Letters that could reorder or hide others are replaced.
  const clean = (value) =>
    typeof value === "string" || typeof value === "number"
      ? String(value).slice(0, LONGEST_TEXT).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}]/gu, "\ufffd")
      : "";
  const number = (value) => (Number.isFinite(value) ? value : null);
  const list = (value, most) => (Array.isArray(value) ? value.slice(0, most) : []).filter((each) => each && typeof each === "object");
  const count = (value) => (number(value) === null ? "–" : Math.round(value).toLocaleString());
  const plural = (many, one, more) => `${count(many)} ${many === 1 ? one : more}`;
  const now = () => (Date.now() + ahead) / 1000;
  const isOld = (moment) => now() - (number(moment) || 0) > SILENCE;
  const isDoubted = () => shown?.state === "running" && isOld(shown.at);

  const duration = (seconds) => {
    const whole = Math.max(0, Math.floor(seconds));
    for (const [unit, size, smaller, smallerSize] of [["d", 86400, "h", 3600], ["h", 3600, "min", 60], ["min", 60, "s", 1]]) {
      if (whole >= size) {
        const few = Math.floor((whole % size) / smallerSize);
        return few ? `${Math.floor(whole / size)} ${unit} ${few} ${smaller}` : `${Math.floor(whole / size)} ${unit}`;
      }
    }
    return `${whole} s`;
  };

  const clock = (moment) => {
    const date = new Date(moment * 1000);
    const sameDay = date.toDateString() === new Date().toDateString();
    return date.toLocaleString(undefined, {
      ...(sameDay ? {} : { day: "numeric", month: "short" }), hour: "2-digit", minute: "2-digit",
    });
  };

  const size = (bytes) => {
    const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
    const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(bytes, 1)) / 10)));
    const amount = bytes / 1024 ** step;
    return `${amount.toLocaleString(undefined, { maximumFractionDigits: amount < 9.95 && step ? 1 : 0 })} ${units[step]}`;
  };

  const relative = (seconds) => {
    const words = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
    for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
      if (Math.abs(seconds) >= length) return words.format(-Math.round(seconds / length), unit);
    }
    return words.format(0, "minute");
  };

  // ------------------------------------------------------------- elements

  const element = (tag, className = "", text = "") => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  };

  // Written only when it changes, so that nothing a reader has selected goes without need.
  const put = (place, text) => {
    if (place && place.textContent !== text) place.textContent = text;
  };

  const field = (name, text) => section.querySelectorAll(`[data-field="${name}"]`).forEach((place) => put(place, text));
  const notice = document.querySelector('[data-live="notice"] span') || element("span");
  const announcement = document.body.appendChild(element("p", "announcement"));
  announcement.setAttribute("role", "status");
  const toggle = element("button", "toggle", "Pause");
  toggle.type = "button";
  // It keeps its place while there is nothing to pause.
  toggle.style.visibility = "hidden";
  notice.after(" ", toggle);

  // ---------------------------------------------------------------- a host

  // The words and the mark of a state. What a silent run said of a builder was true once.
  const stateOf = (host) => {
    if (!host) return ["not in this run", "skipped"];
    const state = clean(host.state);
    return isDoubted() ? [`was ${state}`, "skipped"] : [state, MARKS[state] || "skipped"];
  };
  const showState = (place, host) => {
    const [words, mark] = stateOf(host);
    if (place.firstElementChild) place.textContent = "";
    put(place, words);
    place.className = `status live-state ${mark}`;
  };

  // A build with a link to its project and its age.
  const buildWords = (build) => {
    const name = clean(build.name), what = `${name} ${clean(build.version)}`;
    const known = /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name);
    const words = element(known ? "a" : "span", "what", what);
    words.title = what;
    if (known) words.href = new URL(`project/${name}/index.html`, address).href;
    const age = element("span", "age");
    if (number(build.since) !== null) age.dataset.since = build.since;
    return [words, " ", age];
  };

  class Meter {
    constructor(row) {
      this.value = row.querySelector("b");
      this.meter = row.querySelector("meter");
    }

    // `from` to `to` is the scale; beyond `high` it is worth a look, beyond `highest` it is serious.
    show(value, from, to, high, highest, text) {
      put(this.value, value === null ? "–" : text);
      this.meter.classList.toggle("known", value !== null);
      if (value === null) return;
      Object.assign(this.meter, { min: from, max: to, low: high, high: highest, optimum: from, value });
      put(this.meter, text);
    }
  }

  class Card {
    constructor(card) {
      this.card = card;
      this.live = card.querySelector(".live");
      this.state = card.querySelector(".live-state");
      this.note = this.live.querySelector(".said");
      this.builds = this.live.querySelector(".builds");
      this.done = this.live.querySelector(".ran");
      this.meters = [...this.live.querySelectorAll(".vital")].map((row) => new Meter(row));
      this.building = "";
    }

    show(host) {
      showState(this.state, host);
      if (host) this.card.classList.remove("away");
      // What was true when the page was made may be over.
      put(this.note, clean(host?.note));
      this.showBuilds(list(host?.building, MOST_BUILDS));
      const finished = (number(host?.built) || 0) + (number(host?.failed) || 0);
      this.card.querySelectorAll(".none-yet").forEach((place) => { place.style.visibility = finished ? "hidden" : ""; });
      const metrics = host?.metrics && typeof host.metrics === "object" ? host.metrics : {};
      const isPast = isDoubted() || (Object.keys(metrics).length > 0 && isOld(metrics.at));
      const failed = number(host?.failed) ? `, ${count(host.failed)} failed` : "";
      const lately = number(host?.per_hour) === null || isDoubted() ? "" : `${count(host.per_hour)} in the last hour, `;
      const measured = isPast && number(metrics.at) !== null ? `; measured ${relative(now() - metrics.at)}` : "";
      put(this.done, host ? `${lately}${count(finished)} in this run${failed}${measured}` : "");
      this.live.classList.toggle("old", isPast);
      this.showMetrics(metrics);
    }

    showBuilds(building) {
      // Drawn only when another build began: a link that is being followed stays.
      const key = JSON.stringify(building);
      if (key === this.building) return;
      this.building = key;
      this.builds.replaceChildren(...building.map((build) => {
        const item = element("li");
        item.append(...buildWords(build), element("small", "", clean(build.target)));
        return item;
      }));
    }

    showMetrics(metrics) {
      const [temperature, memory, disk, load] = this.meters;
      const heat = number(metrics.temperature);
      temperature.show(heat, 20, 100, 70, 80, `${count(heat)} °C`);
      for (const [meter, name] of [[memory, "memory"], [disk, "disk"]]) {
        const total = number(metrics[`${name}_total`]), free = number(metrics[`${name}_free`]);
        const known = total > 0 && free !== null;
        meter.show(known ? total - free : null, 0, total, 0.8 * total, 0.93 * total, known ? `${size(free)} free` : "");
      }
      const busy = number(Array.isArray(metrics.load) ? metrics.load[0] : null), cores = number(metrics.cores) || 1;
      const words = metrics.cores ? `${busy?.toLocaleString()} on ${plural(cores, "core", "cores")}` : `${busy?.toLocaleString()}`;
      load.show(busy, 0, 2 * cores, 1.3 * cores, 1.7 * cores, words);
    }
  }

  // A line of the table that a large fleet has.
  class Row {
    constructor(row) {
      this.row = row;
      this.state = row.querySelector(".live-state");
      [this.doing, this.more] = row.querySelector(".doing").children;
      this.building = "";
    }

    show(host) {
      const building = list(host?.building, MOST_BUILDS);
      showState(this.state, host);
      this.row.dataset.rank = host ? RANKS[this.state.className.split(" ").pop()] ?? 4 : 5;
      if (this.building !== (this.building = JSON.stringify(building))) {
        this.doing.replaceChildren(...building.slice(0, 1).flatMap(buildWords));
      }
      const others = building.length > 1 ? [`and ${plural(building.length - 1, "other build", "other builds")}`] : [];
      const heat = number(host?.metrics?.temperature);
      put(this.more, [clean(host?.note), ...others, heat === null ? "" : `${count(heat)} °C`].filter(Boolean).join(", "));
    }
  }

  const builders = document.getElementById("builders");
  const place = builders?.querySelector(".of-run");
  const viewOf = (each) => (each.matches("tr") ? new Row(each) : new Card(each));
  const hosts = new Map();
  document.querySelectorAll("[data-host]").forEach((each) => {
    if (each.querySelector(".live-state")) hosts.set(each.dataset.host, viewOf(each));
  });

  // One that joined since the page was made.
  const newHost = (name) => {
    const made = builders.querySelector("template").content.firstElementChild.cloneNode(true);
    made.dataset.host = name;
    made.querySelector("h3, th").prepend(clean(name));
    place.append(made);
    return viewOf(made);
  };

  // Those in trouble first; not under the hand of somebody who reads or follows a link there.
  const sortRows = () => {
    if (!place.matches("tbody:not(:hover, :focus-within)")) return;
    const rows = [...place.rows];
    const sorted = [...rows].sort((one, other) =>
      one.dataset.rank - other.dataset.rank || one.dataset.host.localeCompare(other.dataset.host));
    if (sorted.some((row, index) => row !== rows[index])) place.append(...sorted);
  };

  // ------------------------------------------------------------- the page

  const show = () => {
    const inRun = list(shown.hosts, MOST_HOSTS).filter((host) => typeof host.host === "string");
    const done = (number(shown.built) || 0) + (number(shown.failed) || 0), left = number(shown.left);
    const atWork = inRun.filter((host) => list(host.building, MOST_BUILDS).length).length;
    const counted = inRun.map((host) => number(host.per_hour)).filter((builds) => builds !== null);
    field("built", count(shown.built));
    field("failed", count(shown.failed));
    field("left", count(left));
    field("per_hour", counted.length && !isDoubted() ? count(counted.reduce((sum, builds) => sum + builds, 0)) : "–");
    field("hosts", isDoubted() ? "–" : `${count(atWork)} of ${count(inRun.length)} at work`);
    for (const bar of section.querySelectorAll("progress")) {
      bar.max = Math.max(done + (left || 0), 1);
      bar.value = done;
      put(bar, `${count(done)} of ${count(done + (left || 0))}`);
    }
    if (builders) {
      const named = new Map(inRun.map((host) => [host.host, host]));
      for (const name of named.keys()) if (!hosts.has(name)) hosts.set(name, newHost(name));
      hosts.forEach((host, name) => host.show(named.get(name)));
      sortRows();
    }
    showEvents(list(shown.events, 100));
    doubted = isDoubted();
    tick();
  };

  const showEvents = (events) => {
    const place = document.getElementById("fleet-events");
    if (!place) return;
    const words = (item) => [item.dataset.at, item.dataset.host, item.querySelector("span").textContent].join("\n");
    const known = new Set([...place.children].map(words));
    for (const event of events) {
      const item = element("li");
      item.dataset.at = number(event.at) ?? "";
      item.dataset.host = clean(event.host);
      const time = item.appendChild(element("time", "", ""));
      if (number(event.at) !== null) time.dateTime = new Date(event.at * 1000).toISOString();
      time.dataset.age = "";
      item.append(" ", element("b", "", clean(event.host)), " ", element("span", "", clean(event.sentence)));
      if (!known.has(words(item))) place.prepend(item);
    }
    if (place.nextElementSibling) place.nextElementSibling.hidden = place.children.length > 0;
  };

  // What time alone changes.
  const tick = () => {
    for (const place of document.querySelectorAll("time[data-age]")) {
      const moment = Date.parse(place.dateTime) / 1000;
      if (!Number.isFinite(moment)) continue;
      if (!place.title) place.title = place.textContent || new Date(moment * 1000).toLocaleString();
      put(place, relative(now() - moment));
    }
    if (shown) {
      if (doubted !== isDoubted()) return show();
      const silent = now() - (number(shown.at) || 0), running = shown.state === "running";
      const end = number(shown.expected_end);
      field("state", doubted ? `no news for ${plural(Math.floor(silent / 60), "minute", "minutes")}` : running ? "building" : `idle since ${clock(shown.at)}`);
      field("detail", doubted ? "The run was interrupted or lost its connection." : running ? "" : `The last run ended ${relative(silent)}.`);
      field("expected_end", !running || doubted || end === null ? "–" : end > now() ? `${clock(end)}, in ${duration(Math.ceil((end - now()) / 60) * 60)}` : "any moment");
      section.querySelectorAll('.status[data-field="state"]').forEach((place) => {
        place.className = `status ${doubted ? "trouble" : running ? "built" : "skipped"}`;
      });
      document.body.classList.toggle("no-news", doubted);
      put(announcement, doubted ? "No news from the run." : running ? "The fleet is building." : "No run in progress.");
      for (const age of document.querySelectorAll("[data-since]")) put(age, duration((doubted ? shown.at : now()) - age.dataset.since));
      toggle.style.visibility = paused || (running && !doubted) ? "" : "hidden";
    } else if (trouble) {
      field("state", isMissing ? "no run yet" : "not known");
    }
    const fresh = readAt ? `read ${duration((Date.now() - readAt) / 1000)} ago` : "not read yet";
    const live = !readAt ? "Live." : doubted ? `The run is silent; ${fresh}.` : `Live, ${fresh}.`;
    put(notice, paused ? `Paused, ${fresh}.` : trouble || live);
  };

  // -------------------------------------------------------------- reading

  const pause = () => {
    if (failures) return Math.min(OFTEN * 2 ** failures, LONGEST);
    return shown && shown.state === "running" && !isOld(shown.at) ? OFTEN : SELDOM;
  };

  const read = async () => {
    const mine = (reading = new AbortController());
    const patience = setTimeout(() => mine.abort(), PATIENCE);
    try {
      const answer = await fetch(address, { cache: "no-cache", signal: mine.signal });
      isMissing = answer.status === 404;
      if (isMissing) throw new Error("No run yet.");
      if (!answer.ok) throw new Error(`The fleet’s status cannot be read (${answer.status}); trying again.`);
      const status = await answer.json();
      if (!status || status.schema !== 1) throw new Error("This page is outdated; please reload it.");
      const served = Date.parse(answer.headers.get("date"));
      ahead = Math.abs(served - Date.now()) > 3000 ? served - Date.now() : 0;
      [shown, readAt, failures, trouble] = [status, Date.now(), 0, ""];
      show();
    } catch (error) {
      if (mine !== reading) return;
      failures += 1;
      const known = error instanceof Error && error.constructor === Error;
      trouble = known ? error.message : "The fleet’s status cannot be read; trying again.";
      tick();
    } finally {
      clearTimeout(patience);
      if (mine === reading) {
        reading = null;
        timer = setTimeout(read, pause());
      }
    }
  };

  const stop = () => {
    clearTimeout(timer);
    clearInterval(ticker);
    const last = reading;
    reading = null;
    last?.abort();
  };

  // Nobody sees a hidden tab, so it asks nothing.
  const start = () => {
    stop();
    if (!paused && !document.hidden) {
      ticker = setInterval(tick, TICK);
      read();
    }
    tick();
  };

  toggle.addEventListener("click", () => {
    paused = !paused;
    toggle.textContent = paused ? "Resume" : "Pause";
    start();
  });
  document.addEventListener("visibilitychange", start);

  if (address.protocol === "file:") {
    put(notice, "The live view needs a web server.");
    document.body.classList.add("no-live");
  } else {
    start();
  }
})();
