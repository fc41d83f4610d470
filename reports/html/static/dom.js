// Elements are built of nodes: text is always text, never markup.
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "place") Object.assign(node.style, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

function select(name, choices, value, change) {
  const box = h("select", { "data-control": name, onchange: (event) => change(event.target.value) });
  for (const [key, text] of choices) box.append(h("option", { value: key, selected: key === value }, text));
  return box;
}

const labelled = (text, control) => h("label", {}, text, control);
const unique = (values) => [...new Set(values)];
