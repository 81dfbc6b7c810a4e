// The counter face: one stream, scans from anywhere, pads, and nothing that decides.

import "./alive.js";
import { followCounter } from "./counter-follow.js";
import "./count-down.js";
import { guardKeys } from "./key-guard.js";
import "./kept-page.js";
import "./live-check.js";
import "./mat-view.js";
import { gatherScans } from "./scan-field.js";
import "./touch-pad.js";

gatherScans();
guardKeys();
followCounter();
