// The search over all projects, and near names for an address that does not exist. It reads small files, the shards below
// search/p/ (site/html/search_shards.py): from the empty prefix on, one letter of a word after the other, until a
// shard holds every project with such a word. Everything it shows is put in as text.
"use strict";

(() => {
  const MOST_SHOWN = 50, MOST_NEAR = 8, LONGEST_QUERY = 200;
  // Shards looked at for near names, and how many at once.
  const MOST_LOOKS = 48, AT_ONCE = 8;
  // Milliseconds without typing: before the address is changed, and before near names are looked for.
  const PAUSE = 350;
  const section = document.getElementById("search"), near = document.getElementById("near-names");
  if (!section && !near) return;
  // A row's second field is a status's first letter; here they are in the order of the shards, with their words.
  const STATUSES = JSON.parse((section || near).dataset.statuses);
  const RANKS = Object.keys(STATUSES).join("");
  // A capital letter: the project has no page of its own, but an entry that project/index.html shows.
  const rank = (row) => RANKS.indexOf(row[1].toLowerCase());
  // What was left out or mistyped is more likely one of the first.
  const LETTERS = "aeiouyrnstlmcdpbhgkfvwzxjq-0123456789";

  // ---------------------------------------------------------------- names

  // A name as PEP 503 normalises it; a dash that was typed last stays, for more may follow.
  const normalize = (text) => text.toLowerCase().replace(/[-_.]+/g, "-").replace(/^-/, "");

  // The words of a query, without the extras and versions of a requirement: `numpy>=2` asks for numpy.
  const terms = (query) =>
    query.slice(0, LONGEST_QUERY).replace(/[[<>=!~;@(,].*$/, "").split(/\s+/).map(normalize).filter(Boolean);

  const begins = (name, term) => name.startsWith(term) || name.includes(`-${term}`);
  const words = (name) => [name, ...[...name.matchAll(/-/g)].map((dash) => name.slice(dash.index + 1))];
  // Where a project stands among those installed most; others come after them.
  let popular = new Map();
  const place = (row) => popular.get(row[0])?.place ?? popular.size;
  const better = (one, other) =>
    rank(one) - rank(other) || place(one) - place(other) || one[0].length - other[0].length || (one[0] < other[0] ? -1 : 1);

  // One more letter of a name against a word: the next row of the table of edit distances. Two neighbours in the wrong
  // order are one mistake, like a letter too many, too few or wrong.
  const start = (word) => ({ prefix: "", row: Array.from({ length: word.length + 1 }, (_, at) => at), before: null });
  const step = (word, { prefix, row, before }, letter) => {
    const next = [row[0] + 1];
    for (let at = 1; at <= word.length; at++) {
      next[at] = Math.min(row[at] + 1, next[at - 1] + 1, row[at - 1] + (word[at - 1] === letter ? 0 : 1));
      if (before && at > 1 && word[at - 2] === letter && word[at - 1] === prefix[prefix.length - 1]) {
        next[at] = Math.min(next[at], before[at - 2] + 1);
      }
    }
    return { prefix: prefix + letter, row: next, before: row };
  };
  const distance = (word, name) => [...name].reduce((state, letter) => step(word, state, letter), start(word)).row[word.length];

  // ---------------------------------------------------------------- shards

  const NOTHING = { rows: [] };

  class Shards {
    constructor(base) {
      this.base = base;
      this.known = new Map();    // promises of shards by prefix
      this.coming = new Map();   // what can abort those not yet here
      this.ways = [];            // what is asked for now
    }

    load(prefix) {
      if (!this.known.has(prefix)) {
        const request = new AbortController();
        const shard = this.read(prefix, request.signal);
        this.known.set(prefix, shard);
        this.coming.set(prefix, request);
        shard.then(() => this.coming.delete(prefix), () => this.forget(prefix, shard));
      }
      return this.known.get(prefix);
    }

    async read(prefix, signal) {
      const folder = prefix && `${prefix.slice(0, 2)}/`;
      const answer = await fetch(new URL(`p/${folder}${prefix}_.json`, this.base), { signal });
      if (!answer.ok) throw new Error(`the server says ${answer.status}`);
      return answer.json();
    }

    // Those that are installed most. Without them results are found by the beginnings of words alone.
    async popular() {
      this.most ??= fetch(new URL("popular.json", this.base)).then((answer) => (answer.ok ? answer.json() : NOTHING), () => NOTHING);
      const { rows } = await this.most;
      popular = new Map(rows.map((row, index) => [row[0], { row, place: index }]));
    }

    forget(prefix, shard) {
      if (this.known.get(prefix) === shard) {
        this.known.delete(prefix);
        this.coming.delete(prefix);
      }
    }

    // From now on these words are asked for: gives up requests for shards that are not on the way to any of them.
    ask(ways) {
      this.ways = ways;
      for (const [prefix, request] of this.coming) {
        if (!ways.some((way) => way.startsWith(prefix))) {
          this.forget(prefix, this.known.get(prefix));
          request.abort();
        }
      }
    }

    // The shard for words that begin so. Where it has `next` there are more such projects than it holds.
    async walk(word, ways) {
      let shard = await this.load("");
      for (let length = 1; shard.next !== undefined && length <= word.length; length++) {
        if (ways !== this.ways) throw new DOMException("Something else is asked for now.", "AbortError");
        if (!shard.next.includes(word[length - 1])) return NOTHING;
        shard = await this.load(word.slice(0, length));
      }
      return shard;
    }

    // The projects that have, for each term, a word that begins with it, and popular ones that have it anywhere, the best first; `all`: whether there are no others.
    async find(asked) {
      const name = asked.join("-");
      const ways = [...new Set([...asked, name])];
      this.ask(ways);
      const [found] = await Promise.all([Promise.all(ways.map((way) => this.walk(way, ways))), this.popular()]);
      const whole = found.slice(0, asked.length).find((shard) => shard.next === undefined);
      const rows = new Map((whole ?? { rows: found.flatMap((shard) => shard.rows) }).rows.map((row) => [row[0], row]));
      for (const [each, { row }] of popular) if (asked.every((term) => each.includes(term))) rows.set(each, row);
      const matching = [...rows.values()].filter((row) => asked.every((term) => begins(row[0], term) || (popular.has(row[0]) && row[0].includes(term))));
      matching.sort((one, other) => (other[0] === name) - (one[0] === name) || better(one, other));
      return { rows: matching, all: whole !== undefined };
    }

    // Projects with a word at most one mistake away, two for longer words, among the shards one mistake leads to: the likeliest
    // MOST_LOOKS of them.
    async near(word, isStale) {
      const furthest = word.length < 5 ? 1 : 2;
      const rows = new Map();
      const queue = [{ ...start(word), mistakes: 0, order: [] }];
      for (let looks = 0; queue.length && looks < MOST_LOOKS && !isStale(); looks += AT_ONCE) {
        queue.sort((one, other) => one.mistakes - other.mistakes || compare(one.order, other.order));
        const wave = queue.splice(0, AT_ONCE);
        const shards = await Promise.all(wave.map((state) => this.load(state.prefix)));
        shards.forEach((shard, index) => {
          for (const row of shard.rows) rows.set(row[0], row);
          for (const letter of shard.next ?? "") {
            const state = look(word, wave[index], letter);
            if (state.mistakes <= 1) queue.push(state);
          }
        });
      }
      const near = [];
      for (const row of rows.values()) {
        for (const each of words(row[0])) {
          const mistakes = Math.abs(each.length - word.length) > furthest ? Infinity : distance(word, each);
          if (mistakes > furthest) continue;
          // A name as a whole before a word of another.
          near.push([each === row[0] ? mistakes : mistakes + 0.5, row]);
          break;
        }
      }
      near.sort(([least, row], [other, otherRow]) => least - other || better(row, otherRow));
      return near.slice(0, MOST_NEAR).map(([, row]) => row);
    }
  }

  // The next look for near names. Where the first mistake is made decides the order: the next letter typed too early
  // comes first, then later mistakes before earlier ones, then likelier letters.
  const look = (word, state, letter) => {
    const next = step(word, state, letter);
    const mistakes = Math.min(...next.row);
    const depth = state.prefix.length;
    const order = mistakes > state.mistakes ? [word[depth + 1] === letter ? 0 : 1, -depth, LETTERS.indexOf(letter)] : state.order;
    return { ...next, mistakes, order };
  };
  const compare = (one, other) => one.reduce((so, each, index) => so || each - other[index], 0);

  // ---------------------------------------------------------------- what is shown

  const element = (kind, className, ...content) => {
    const made = document.createElement(kind);
    if (className) made.className = className;
    made.append(...content);
    return made;
  };

  const addressOf = ([name, letter], base) => {
    const isPacked = letter !== letter.toLowerCase(), part = encodeURIComponent(name);
    return new URL(isPacked ? `../project/index.html#${part}` : `../project/${part}/index.html`, base);
  };

  const show = (list, rows, base) => {
    const items = rows.map(([name, letter, summary, displayName]) => {
      const [status, title] = STATUSES[letter.toLowerCase()];
      const link = element("a", "", displayName || name);
      link.href = addressOf([name, letter], base);
      const item = element("li", status, link, " ", element("span", "status", title));
      if (summary) item.append(element("p", "", summary));
      return item;
    });
    list.replaceChildren(...items);
  };

  const sayHowMany = ({ rows, all }, asked, query) => {
    const many = rows.length.toLocaleString();
    if (!all && asked.length > 1) {
      return rows.length
        ? `${many} found among the best matches of each word. There may be more; add a rarer word to see them.`
        : "Too many projects match these words. Add a rarer one.";
    }
    if (!all) return `The first ${Math.min(rows.length, MOST_SHOWN)} of many projects. Keep typing to narrow this down.`;
    if (rows.length > MOST_SHOWN) return `The first ${MOST_SHOWN} of ${many} projects. Keep typing to narrow this down.`;
    if (rows.length) return rows.length === 1 ? "1 project" : `${many} projects`;
    return /[^a-z0-9-]/.test(asked.join(""))
      ? `No project is called “${query}”: names have only the letters a to z, digits, and . - _ between them.`
      : `No project matches “${query}”.`;
  };

  const searchPage = (section) => {
    const form = section.querySelector("form"), input = form.elements.q;
    const count = section.querySelector("#search-count"), list = section.querySelector("#results");
    if (location.protocol === "file:") {
      count.textContent = "The search needs a web server: a browser reads no other files for a page on a disk.";
      input.disabled = true;
      return;
    }
    // What stands there for those without script.
    count.textContent = "";
    const base = new URL(section.dataset.search, document.baseURI);
    const shards = new Shards(base);
    let turn = 0, timer = 0;
    let isSettled = true;   // whether the address shown is one to come back to
    let shown;
    // What to do about a name that is not here. How often it was asked for is in the document of failures.
    const help = section.querySelector("#nothing-found"), inVain = help.querySelector("#asked-in-vain");
    let wanted;
    const offer = async (name, mine) => {
      help.hidden = !name;
      inVain.hidden = true;
      if (!name) return;
      help.querySelector("[data-name]").textContent = name;
      wanted ??= fetch(new URL(help.dataset.failures, document.baseURI)).then((answer) => (answer.ok ? answer.json() : {}), () => ({}));
      const known = ((await wanted).wanted ?? []).find((each) => each.name === name);
      if (mine !== turn || !known) return;
      inVain.querySelector("[data-times]").textContent = known.lookups === 1 ? "once" : `${known.lookups.toLocaleString()} times`;
      inVain.hidden = false;
    };
    const forget = (query) => {
      shown = { rows: [], query, exact: false };
      list.replaceChildren();
    };

    const read = async (asked, mine) => {
      try {
        return await shards.find(asked);
      } catch (problem) {
        if (mine !== turn) throw problem;
        // The site may have been published anew since: once more, from the beginning.
        shards.known.clear();
        return shards.find(asked);
      }
    };

    const suggest = async (word, query, mine) => {
      const rows = await shards.near(word, () => mine !== turn).catch(() => []);
      if (mine !== turn || !rows.length) return;
      count.textContent = `No project matches “${query}”. Did you mean ${rows.length === 1 ? "this" : "one of these"}?`;
      show(list, rows, base);
    };

    const search = async () => {
      const mine = ++turn, query = input.value.trim(), asked = terms(query);
      clearTimeout(timer);
      offer("", mine);
      timer = setTimeout(() => {
        remember();
        if (mine !== turn || shown.query !== query || shown.rows.length || asked.length !== 1) return;
        suggest(asked[0], query, mine);
        if (/^[a-z0-9]+(-[a-z0-9]+)*$/.test(asked[0])) offer(asked[0], mine);
      }, PAUSE);
      if (!asked.length) {
        forget(query);
        count.textContent = "";
        return;
      }
      try {
        const found = await read(asked, mine);
        if (mine !== turn) return;
        shown = { rows: found.rows, query, exact: found.rows[0]?.[0] === asked.join("-") };
        count.textContent = sayHowMany(found, asked, query);
        show(list, found.rows.slice(0, MOST_SHOWN), base);
      } catch (problem) {
        if (mine !== turn) return;
        forget(query);
        count.textContent = `The search is unavailable (${problem.message}). Please try again later.`;
      }
    };

    // One entry of the history for each query somebody stopped at, not for each letter.
    const remember = () => {
      const address = new URL(location.href), query = input.value.trim();
      if ((address.searchParams.get("q") ?? "").trim() === query) return;
      if (query) address.searchParams.set("q", query);
      else address.searchParams.delete("q");
      history[isSettled ? "pushState" : "replaceState"](null, "", address);
      isSettled = false;
    };
    const settle = () => {
      remember();
      isSettled = true;
    };
    const followAddress = () => {
      input.value = new URL(location.href).searchParams.get("q") ?? "";
      isSettled = true;
      return search();
    };

    input.addEventListener("input", search);
    input.addEventListener("change", settle);
    addEventListener("popstate", followAddress);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      settle();
      if (shown.query !== input.value.trim()) await search();
      const first = list.querySelector("a");
      if (shown.exact) first.click();
      else first?.focus();
    });
    section.addEventListener("keydown", (event) => {
      const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const places = [input, ...list.querySelectorAll("a")];
      const place = places.indexOf(document.activeElement) + by;
      if (!by || place < by || place < 0 || place >= places.length || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      places[place].focus();
    });

    followAddress();
    shards.load("").catch(() => {});
    if (matchMedia("(hover: hover)").matches) input.focus();
  };

  // The first folder of an address that has a folder of each project.
  const folderOf = (path) => path.split("/").find((part) => ["project", "p", "simple", "files", "logs", "provenance"].includes(part));

  // The name an address is about: what follows the folder that has one of each project, else its last part.
  const nameIn = (path) => {
    const parts = path.split("/").filter((part) => part && part !== "index.html").map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return "";
      }
    });
    const folder = Math.max(...["project", "p", "simple", "files", "logs", "provenance"].map((each) => parts.lastIndexOf(each)));
    const part = folder < 0 ? parts[parts.length - 1] : parts[folder + 1];
    return normalize((part ?? "").replace(/\.(html|json|svg)$/, "")).replace(/-$/, "");
  };

  const nearNames = async (section) => {
    const name = nameIn(location.pathname);
    if (!/^[a-z0-9-]{2,100}$/.test(name) || location.protocol === "file:") return;
    const base = new URL(section.dataset.search, document.baseURI);
    const shards = new Shards(base);
    const { rows } = await shards.find([name]);
    // Another spelling of a name that is here, or its short address: `/project/RPi.GPIO/`, `/p/numpy`.
    if (rows[0]?.[0] === name && ["project", "p"].includes(folderOf(location.pathname)) && !location.pathname.includes(`/project/${name}/`)) {
      location.replace(addressOf(rows[0], base));
      return;
    }
    const near = rows[0]?.[0] === name ? [] : await shards.near(name, () => false);
    const best = new Map([...near, ...rows].map((row) => [row[0], row]));
    if (!best.size) return;
    const list = element("ul", "results");
    show(list, [...best.values()].slice(0, MOST_NEAR), base);
    section.append(list);
    section.hidden = false;
  };

  if (section) searchPage(section);
  // Without it the page says as much as before.
  if (near) nearNames(near).catch(() => {});
})();
