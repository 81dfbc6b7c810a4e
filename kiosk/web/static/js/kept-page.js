// A page behind the lock that the browser has kept whole to go back to is not shown as it was: it is asked for anew.

addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
