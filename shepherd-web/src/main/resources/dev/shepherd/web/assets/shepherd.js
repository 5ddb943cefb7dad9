// Refreshes a page when the server says that something changed. Without this module a page shows what was so when it was loaded.

const LEAST_PAUSE = 3000;
const POLL = 15000;

const live = document.getElementById("live");
let shownAt = Date.now();
let timer = 0;

function isBusy() {
  const at = document.activeElement;
  return document.hidden
    || document.querySelector("details[open]") !== null
    || (at !== null && ["INPUT", "SELECT", "TEXTAREA", "BUTTON"].includes(at.tagName));
}

async function show() {
  timer = 0;
  if (isBusy()) {
    later(LEAST_PAUSE);
    return;
  }
  try {
    const answer = await fetch(location.href, { headers: { "X-Shepherd-Request": "live" }, cache: "no-store" });
    if (!answer.ok) {
      return;
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
    if (fresh !== null && !isBusy()) {
      const notice = document.querySelector(".notice");
      document.getElementById("main").replaceChildren(...fresh.childNodes);
      if (notice !== null && document.querySelector(".notice") === null) {
        document.getElementById("main").prepend(notice);
      }
    }
  } catch (e) {
    // The server is away for a moment; the next event or poll tries again.
  } finally {
    shownAt = Date.now();
  }
}

function later(pause) {
  if (timer === 0) {
    // Spread, so that a hundred open pages do not ask at the same moment.
    timer = setTimeout(show, pause + Math.random() * 1000);
  }
}

function changed() {
  later(Math.max(0, shownAt + LEAST_PAUSE - Date.now()));
}

// A file is read here and sent as text: the server takes no uploads, and without this module the text can be pasted.
document.documentElement.classList.add("with-scripts");
document.addEventListener("change", (event) => {
  const file = event.target.files?.[0];
  const field = event.target.form?.elements[event.target.dataset.fills];
  if (file === undefined || field === undefined) {
    return;
  }
  const reader = new FileReader();
  reader.addEventListener("load", () => { field.value = reader.result.replace(/^[^,]*,/, ""); });
  reader.readAsDataURL(file);
});

if (live !== null) {
  let source = null;
  let poll = 0;
  const listen = () => {
    source = new EventSource(live.dataset.live);
    source.addEventListener("changed", changed);
    source.addEventListener("open", () => { clearInterval(poll); poll = 0; });
    source.addEventListener("error", () => {
      if (poll === 0) {
        poll = setInterval(changed, POLL);
      }
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(listen, POLL);
      }
    });
  };
  listen();
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { changed(); } });
}
