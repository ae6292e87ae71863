// What pages gain by a script: times in the viewer's zone, ages, refreshing, forms without leaving the page.
// Everything works without it. Server text is only ever parsed as a document, never run.
"use strict";

(() => {
  const STEPS = [[60, "second"], [60, "minute"], [24, "hour"], [30, "day"], [12, "month"], [Infinity, "year"]];
  const format = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

  function age(instant) {
    let amount = (instant - Date.now()) / 1000;
    for (const [size, unit] of STEPS) {
      if (Math.abs(amount) < size) return relative.format(Math.round(amount), unit);
      amount /= size;
    }
    return "";
  }

  function showTimes(root) {
    for (const element of root.querySelectorAll("time[datetime]:not([data-fixed])")) {
      const instant = Date.parse(element.dateTime);
      if (Number.isNaN(instant)) continue;
      const absolute = format.format(instant);
      const text = "relative" in element.dataset ? age(instant) : absolute;
      if (element.textContent !== text) element.textContent = text;
      element.title = `${absolute} (${element.dateTime})`;
    }
  }

  // A part is left alone while somebody is at it: a field, an open form, selected text. What else has the focus keeps it.
  function isBusy(part) {
    const selection = document.getSelection();
    return (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"))
      || part.querySelector("details[open]:not([data-fold]) form") !== null
      || (selection && !selection.isCollapsed && part.contains(selection.anchorNode));
  }

  // Where the focus is within a part, told so that it can be found in the part's next state: rows have ids, links addresses.
  function placeOf(element, part) {
    const near = element.closest("[id]");
    const inside = near && near !== part && part.contains(near) ? `#${CSS.escape(near.id)}` : null;
    const address = element.getAttribute("href");
    const like = address === null ? element.localName : `a[href="${CSS.escape(address)}"]`;
    const number = near === element ? -1 : [...(inside ? near : part).querySelectorAll(like)].indexOf(element);
    return (copy) => {
      const around = inside ? copy.querySelector(inside) : copy;
      return number < 0 ? around : around?.querySelectorAll(like)[number];
    };
  }

  function replace(part, other, keepsOpen) {
    const copy = document.importNode(other, true);
    const open = part.querySelectorAll(keepsOpen ? "details[open][id]" : "details[open][data-fold]");
    for (const { id, dataset } of open) {
      const heir = copy.querySelector(`#${CSS.escape(id)}`);
      heir?.setAttribute("open", "");
      if (heir && "searched" in dataset) heir.dataset.searched = "";
    }
    const at = part.contains(document.activeElement) ? placeOf(document.activeElement, part) : null;
    const scrolled = [...part.querySelectorAll(".scroll")].map((one) => [one.scrollLeft, one.scrollTop]);
    part.replaceWith(copy);
    for (const [place, one] of copy.querySelectorAll(".scroll").entries()) {
      if (place < scrolled.length) [one.scrollLeft, one.scrollTop] = scrolled[place];
    }
    if (!at) return;
    const heir = at(copy);
    // What had the focus may be gone; whoever goes on by the keyboard does so from its part.
    if (!heir || heir === copy) copy.tabIndex = -1;
    (heir ?? copy).focus({ preventScroll: true });
  }

  // Upper case first: it knows that "ß" is "SS".
  const fold = (text) => text.toUpperCase().toLowerCase();

  function filter(input) {
    const words = fold(input.value).split(/\s+/).filter(Boolean);
    const part = document.getElementById(input.dataset.filters);
    if (!part) return;
    let found = 0;
    for (const row of part.querySelectorAll("[data-text]")) {
      const text = fold(row.dataset.text);
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) found += 1;
    }
    // What is folded is searched, too: it opens where something in it fits, and closes again after the search.
    for (const fold of part.querySelectorAll("details[data-fold]")) {
      fold.hidden = fold.querySelector("[data-text]:not([hidden])") === null;
      if (words.length && !fold.open) fold.dataset.searched = "";
      if (words.length) fold.open = true;
      else if ("searched" in fold.dataset) {
        fold.open = false;
        delete fold.dataset.searched;
      }
    }
    const changed = input.value.trim() !== input.defaultValue.trim();
    for (const one of part.querySelectorAll("[data-when=none]")) one.hidden = found > 0;
    for (const one of part.querySelectorAll("[data-when=typed]")) one.hidden = !changed;
  }

  function filterAll() {
    for (const input of document.querySelectorAll("input[data-filters]")) if (input.value !== input.defaultValue) filter(input);
  }

  // Each live part as the server wrote it, before the script changed times, rows and what is open.
  const written = new Map([...document.querySelectorAll("[data-live]")].map((part) => [part.id, part.outerHTML]));
  let taken = "";

  function take(html, evenBusy) {
    if (html === taken && !evenBusy) return;
    taken = html;
    const fresh = new DOMParser().parseFromString(html, "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const other = fresh.getElementById(part.id);
      if (!other || (other.outerHTML === written.get(part.id) && !evenBusy)) continue;
      if (isBusy(part) && !evenBusy) {
        taken = "";
        continue;
      }
      written.set(part.id, other.outerHTML);
      replace(part, other, !evenBusy);
    }
    filterAll();
    document.title = fresh.title || document.title;
    showTimes(document);
  }

  const main = document.getElementById("main");
  const connection = document.getElementById("connection");
  const seconds = Number(main?.dataset.refresh || 0);
  let failures = 0;
  let timer = 0;

  async function refresh(evenBusy = false) {
    clearTimeout(timer);
    try {
      // "no-cache": the browser sends the tag it has, and the answer is mostly a 304 without a body.
      const response = await fetch(location.href.split("#")[0], { cache: "no-cache", headers: { Accept: "text/html" } });
      if (!response.ok || response.redirected) throw new Error(String(response.status));
      take(await response.text(), evenBusy);
      failures = 0;
      connection.hidden = true;
    } catch {
      failures += 1;
      if (failures > 1) {
        connection.textContent = "This page cannot be refreshed at the moment; what it shows may be old.";
        connection.hidden = false;
      }
    }
    schedule();
  }

  function schedule() {
    clearTimeout(timer);
    if (seconds && !document.hidden) timer = setTimeout(refresh, seconds * 1000 * Math.min(2 ** failures, 8));
  }

  async function send(form, submitter) {
    const fields = new URLSearchParams(new FormData(form, submitter));
    const said = document.getElementById("said");
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    try {
      const response = await fetch(form.action, { method: "POST", body: fields, headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const words = page.getElementById("said") || page.querySelector("[role=alert]");
      if (said && words) {
        said.className = words.className;
        said.textContent = words.textContent.trim();
        said.hidden = false;
        // The button that was pressed is about to go; what became of it is where to read on.
        said.focus();
      }
    } catch {
      if (said) {
        said.className = "notice bad";
        said.textContent = "No answer arrived. It may have been done all the same: look before you try again.";
        said.hidden = false;
      }
    }
    await refresh(true);
    // The state that was asked for shows within a moment of being known.
    for (const pause of [1500, 4000]) setTimeout(refresh, pause);
  }

  async function copy(button, field) {
    try {
      await navigator.clipboard.writeText(field.value);
      button.textContent = "Copied";
    } catch {
      // Over plain HTTP there is no clipboard, and a browser may forbid it.
      field.select();
      button.textContent = "Selected: copy it by the keyboard";
    }
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-quick]")) return;
    event.preventDefault();
    send(form, event.submitter);
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches("input[data-filters]")) filter(event.target);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    const field = button && document.getElementById(button.dataset.copy);
    if (field) copy(button, field);
  });
  document.addEventListener("visibilitychange", () => { if (document.hidden) clearTimeout(timer); else if (seconds) refresh(); });

  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  showTimes(document);
  filterAll();
  setInterval(() => { if (!document.hidden) showTimes(document); }, 15000);
  schedule();
})();
