// The parts of the page that its modules fill.

const part = (id) => document.getElementById(id);

export const chat = part("chat");
export const composer = part("composer");
export const earlier = part("earlier");
export const identity = part("identity");
export const log = part("log");
export const menu = part("menu");
export const message = part("message");
export const moreSessions = part("more-sessions");
export const openSidebar = part("open-sidebar");
export const said = part("said");
export const scroller = part("scroller");
export const search = part("search");
export const sessions = part("sessions");
export const sessionsSaid = part("sessions-said");
export const send = part("send");
export const signInOut = part("sign-in-out");
export const stop = part("stop");
export const title = part("title");
export const trouble = part("trouble");
export const welcome = part("welcome");
export const who = part("who");

/** Call `act` when the button of this id is pressed. */
export function press(id, act) {
  part(id).addEventListener("click", act);
}

/** Have a screen reader say this. */
export function announce(text) {
  said.textContent = text;
}
