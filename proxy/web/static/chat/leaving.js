// Whether the page is being left: a reload goes to the address of before, whatever begins meanwhile.

const AT_MOST_MS = 5000;
let leaving = false;

addEventListener("beforeunload", () => {
  leaving = true;
  setTimeout(() => (leaving = false), AT_MOST_MS); // runs only if it was not left after all
});

/** Whether the next document, and not this one, has to show what happens now. */
export const isLeaving = () => leaving;
