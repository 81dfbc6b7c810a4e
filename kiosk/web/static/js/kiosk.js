// The public face. Every page works without this file; with it the weight is live and the screen follows the desk.

import "./alive.js";
import "./count-down.js";
import { guardKeys } from "./key-guard.js";
import { live } from "./live.js";
import "./live-parts.js";
import "./mat-view.js";
import "./key-pad.js";
import "./idle-ring.js";
import { hearButtons } from "./panel-buttons.js";
import { followScreens } from "./screen-follow.js";
import { followSounds } from "./sound-follow.js";
import "./touch-pad.js";

guardKeys();
live.start();
followScreens();
followSounds();
hearButtons();
