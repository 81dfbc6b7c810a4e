// A sign of life of the page: a browser that shows something else, or nothing at all, gives none and is started anew.

const EVERY_MS = 10_000;

const tell = () => {
  if (document.visibilityState === "visible") fetch("/alive", { method: "POST" }).catch(() => null);
};

tell();
setInterval(tell, EVERY_MS);
