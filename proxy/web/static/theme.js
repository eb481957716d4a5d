// Light, dark, or as the system has it. It is no module, so that no page begins in the wrong one.

(() => {
  const KEPT = "chat-proxy theme";
  const NAMES = { "": "as the system", light: "light", dark: "dark" };
  const themes = Object.keys(NAMES);
  const root = document.documentElement;
  const kept = localStorage.getItem(KEPT);
  if (kept in NAMES) root.dataset.theme = kept;

  addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("#theme");
    const tell = () => {
      button.title = `Colours: ${NAMES[root.dataset.theme ?? ""]}`;
      button.setAttribute("aria-label", button.title);
    };
    button.addEventListener("click", () => {
      const next = (themes.indexOf(root.dataset.theme ?? "") + 1) % themes.length;
      root.dataset.theme = themes[next];
      localStorage.setItem(KEPT, themes[next]);
      tell();
    });
    tell();
    button.hidden = false;
  });
})();
