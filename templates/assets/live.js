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

  let shown = null;        // the status as read last
  let ahead = 0;           // milliseconds the server's clock is ahead of this browser's
  let readAt = 0;
  let failures = 0;
  let trouble = "";        // why it was not read
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
  const notice = document.querySelector('[data-live="notice"] span') || section.appendChild(element("p", "note")).appendChild(element("span"));
  const announcement = document.body.appendChild(element("p", "announcement"));
  announcement.setAttribute("role", "status");
  const toggle = element("button", "toggle", "Pause");
  toggle.type = "button";
  toggle.hidden = true;
  notice.parentNode.append(" ", toggle);

  // ---------------------------------------------------------------- a host

  class Meter {
    constructor(place, name) {
      this.row = place.appendChild(element("div", "vital"));
      this.row.hidden = true;
      this.row.append(element("span", "", name));
      this.value = this.row.appendChild(element("b"));
      this.meter = this.row.appendChild(element("meter"));
      this.meter.setAttribute("aria-label", name);
    }

    // `from` to `to` is the scale; beyond `high` it is worth a look, beyond `highest` it is serious.
    show(value, from, to, high, highest, text) {
      this.row.hidden = value === null;
      if (value === null) return;
      Object.assign(this.meter, { min: from, max: to, low: high, high: highest, optimum: from, value });
      put(this.value, text);
      put(this.meter, text);
    }
  }

  class Host {
    constructor(card) {
      this.card = card;
      this.live = card.querySelector(".live");
      this.state = card.querySelector("h3").appendChild(element("span", "status live-state"));
      this.note = this.live.appendChild(element("p", "note"));
      this.builds = this.live.appendChild(element("ul", "builds"));
      this.done = this.live.appendChild(element("p", "note"));
      const metrics = this.live.appendChild(element("div", "metrics"));
      this.read = metrics.appendChild(element("p", "note"));
      this.meters = Object.fromEntries(
        ["Temperature", "Memory", "Disk", "Load"].map((name) => [name, new Meter(metrics, name)]));
      this.building = "";
    }

    show(host) {
      const state = host ? clean(host.state) : "not in this run";
      this.live.hidden = !host;
      put(this.state, state);
      this.state.className = `status live-state ${MARKS[state] || "skipped"}`;
      // What was true when the page was made may be over.
      this.card.querySelectorAll(".suspended, .held").forEach((place) => { place.hidden = Boolean(host); });
      if (!host) return;
      put(this.note, clean(host.note));
      this.note.hidden = !host.note;
      this.showBuilds(list(host.building, MOST_BUILDS));
      const failed = number(host.failed) ? `, ${count(host.failed)} failed` : "";
      const finished = (number(host.built) || 0) + (number(host.failed) || 0);
      this.card.querySelectorAll(".none-yet").forEach((place) => { place.hidden = finished > 0; });
      const lately = number(host.per_hour) === null || isOld(shown.at) ? "" : `${count(host.per_hour)} done in the last hour, `;
      put(this.done, `${lately}${count(finished)} in this run${failed}`);
      this.showMetrics(host.metrics && typeof host.metrics === "object" ? host.metrics : {});
    }

    showBuilds(building) {
      // Drawn anew only when another build began: a link that is being followed stays.
      const key = JSON.stringify(building);
      if (key === this.building) return;
      this.building = key;
      this.builds.replaceChildren(...building.map((build) => {
        const item = element("li"), name = clean(build.name), what = `${name} ${clean(build.version)}`;
        if (/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) {
          const link = item.appendChild(element("a", "", what));
          link.href = new URL(`project/${name}/index.html`, address).href;
        } else {
          item.append(what);
        }
        item.append(" ");
        const age = item.appendChild(element("span", "age"));
        if (number(build.since) !== null) age.dataset.since = build.since;
        item.append(element("small", "", clean(build.target)));
        return item;
      }));
    }

    showMetrics(metrics) {
      const old = Object.keys(metrics).length > 0 && isOld(metrics.at);
      const { Temperature, Memory, Disk, Load } = this.meters;
      const heat = number(metrics.temperature);
      Temperature.show(heat, 20, 100, 70, 80, `${count(heat)} °C`);
      for (const [meter, name] of [[Memory, "memory"], [Disk, "disk"]]) {
        const total = number(metrics[`${name}_total`]), free = number(metrics[`${name}_free`]);
        const known = total > 0 && free !== null;
        meter.show(known ? total - free : null, 0, total, 0.8 * total, 0.93 * total, known ? `${size(free)} free` : "");
      }
      const load = number(Array.isArray(metrics.load) ? metrics.load[0] : null), cores = number(metrics.cores) || 1;
      const words = metrics.cores ? `${load?.toLocaleString()} on ${plural(cores, "core", "cores")}` : `${load?.toLocaleString()}`;
      Load.show(load, 0, 2 * cores, 1.3 * cores, 1.7 * cores, words);
      this.live.classList.toggle("old", old);
      this.read.hidden = !old;
      put(this.read, old ? `Measured ${number(metrics.at) === null ? "at some time" : relative(now() - metrics.at)}:` : "");
    }
  }

  const builders = document.getElementById("builders");
  const hosts = new Map();
  document.querySelectorAll("[data-host]").forEach((card) => {
    if (card.querySelector(".live")) hosts.set(card.dataset.host, new Host(card));
  });

  // One that joined since the page was made.
  const newHost = (name) => {
    const card = element("article", "builder");
    card.dataset.host = name;
    card.append(element("h3", "", `${clean(name)} `), element("div", "live"));
    builders.querySelector(".cards").append(card);
    return new Host(card);
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
    field("per_hour", counted.length && !isOld(shown.at) ? count(counted.reduce((sum, builds) => sum + builds, 0)) : "–");
    field("hosts", `${count(atWork)} of ${count(inRun.length)} at work`);
    for (const bar of section.querySelectorAll("progress")) {
      bar.max = Math.max(done + (left || 0), 1);
      bar.value = done;
      put(bar, `${count(done)} of ${count(done + (left || 0))}`);
    }
    if (builders) {
      const named = new Map(inRun.map((host) => [host.host, host]));
      for (const name of named.keys()) if (!hosts.has(name)) hosts.set(name, newHost(name));
      hosts.forEach((host, name) => host.show(named.get(name)));
    }
    showEvents(list(shown.events, 100));
    section.hidden = false;
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
      const silent = now() - (number(shown.at) || 0);
      const running = shown.state === "running", doubted = running && isOld(shown.at);
      const end = number(shown.expected_end);
      field("state", doubted ? `no news for ${plural(Math.floor(silent / 60), "minute", "minutes")}` : running ? "building" : `idle since ${clock(shown.at)}`);
      field("detail", doubted ? "The run was interrupted or lost its connection." : running ? "" : `The last run ended ${relative(silent)}.`);
      field("expected_end", !running || doubted || end === null ? "–" : end > now() ? `${clock(end)}, in ${duration(Math.ceil((end - now()) / 60) * 60)}` : "any moment");
      section.querySelectorAll('.status[data-field="state"]').forEach((place) => {
        place.className = `status ${doubted ? "trouble" : running ? "built" : "skipped"}`;
      });
      document.body.classList.toggle("no-news", doubted);
      put(announcement, doubted ? "No news from the run." : running ? "The fleet is building." : "No run in progress.");
      for (const age of document.querySelectorAll("[data-since]")) put(age, duration(now() - age.dataset.since));
    }
    const fresh = readAt ? `read ${duration((Date.now() - readAt) / 1000)} ago` : "not read yet";
    put(notice, paused ? `Paused, ${fresh}.` : trouble || (readAt ? `Live, ${fresh}.` : "Live."));
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
      if (answer.status === 404) throw new Error("No run yet.");
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
  } else {
    toggle.hidden = false;
    start();
  }
})();
