// Builds the page. Words from outside only ever become text nodes: no markup is parsed anywhere.

// el("p", { class: "note", onclick: f }, "words", node, null) -> node. true = present, false/null = absent.
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

// Words of a person: their own direction, their own language for fonts and screen readers.
export const words = (tag, content, language, className) =>
  el(tag, { dir: "auto", lang: language && language !== "und" ? language : null, class: className }, content);

export const button = (label, onclick, className = "plain") => el("button", { type: "button", class: className, onclick }, label);

export const byId = (id) => document.getElementById(id);

export function show(node, ...children) {
  node.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
}

// Lets the browser paint ("Unlocking…") before work that blocks it.
export const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
