// The check weight: the button works while the pan can be read, and sends back the newest reading the page has shown.

import { LivePart } from "./live-parts.js";

class LiveCheck extends LivePart {
  show(message) {
    const check = message?.check;
    // A message of another page's stream says nothing of the pan; one that is lost says that nothing is known.
    if (message !== null && check === undefined) return;
    this.querySelector("[data-take]").disabled = !check?.ready;
    if (check) this.querySelector("[name=reading_no]").value = check.reading;
  }
}

customElements.define("live-check", LiveCheck);
