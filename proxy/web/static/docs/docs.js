// The page of the interface: search, examples with this service's address, copies of them.

const find = document.querySelector("#find");
const found = document.querySelector("#found");
const parts = [...document.querySelectorAll(".route, #errors .fields > div")].map((part) => ({
  part,
  link: document.querySelector(`.contents a[href="#${part.id}"]`)?.closest("li"),
  text: part.textContent.toLowerCase(),
}));
const routes = parts.filter(({ link }) => link);

for (const example of document.querySelectorAll(".example")) {
  const code = example.querySelector("code");
  code.textContent = code.textContent.replace("http://127.0.0.1:8080", location.origin);
  example.append(copyOf(code));
}

find.addEventListener("input", search);
find.form.addEventListener("submit", (event) => {
  event.preventDefault();
  const first = parts.find(({ part }) => !part.hidden);
  if (first) location.hash = first.part.id;
});
addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  find.focus();
});
addEventListener("hashchange", reveal);
reveal();

function search() {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const { part, link, text } of parts) {
    part.hidden = !words.every((word) => text.includes(word));
    if (link) link.hidden = part.hidden;
  }
  for (const group of document.querySelectorAll(".group, .contents section")) {
    const within = [...group.querySelectorAll(".route, .fields > [id], li")];
    group.hidden = within.every((part) => part.hidden);
  }
  const number = routes.filter(({ part }) => !part.hidden).length;
  found.textContent = words.length ? `${number} of ${routes.length} routes` : "";
}

/** What the address names is there, whatever is searched for, and open. */
function reveal() {
  const named = document.getElementById(location.hash.slice(1));
  if (!named) return;
  if (named.hidden) {
    find.value = "";
    search();
  }
  named.scrollIntoView();
}

function copyOf(code) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    } catch {
      getSelection().selectAllChildren(code);
    }
  });
  return button;
}
