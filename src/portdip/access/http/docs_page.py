"""The page that shows an OpenAPI document to people. It is whole: a browser without the Internet shows it, too.

It reads `/openapi.json` where it came from, and puts what stands there into the page as text only. Its policy lets the
browser run and style by nothing else than what is here.
"""

from __future__ import annotations

import base64
import hashlib

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 64rem; padding: 1rem; color: #222; }
h1 { margin: 0; } h2 { margin: 1.5rem 0 .5rem; } h3 { margin: .8rem 0 .2rem; font-size: 1rem; }
code, .path, .method { font-family: ui-monospace, monospace; }
details { border: 1px solid #ccc; border-radius: 4px; margin: .3rem 0; padding: .2rem .6rem; }
summary { cursor: pointer; } .method { display: inline-block; width: 4.5rem; font-weight: 700; }
.what { color: #666; margin-left: .8rem; } table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #ddd; padding: .2rem .5rem; text-align: left; vertical-align: top; }
@media (prefers-color-scheme: dark) {
  body { background: #181818; color: #ddd; } details, th, td { border-color: #444; } .what { color: #999; }
  a { color: #8bf; }
}
"""

_SCRIPT = """
"use strict";
function put(parent, tag, text, className) {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  if (className) node.className = className;
  parent.append(node);
  return node;
}
function nameOf(ref) { return ref.split("/").pop(); }
function spelled(schema) {
  if (!schema) return "";
  if (schema.$ref) return nameOf(schema.$ref);
  const many = schema.anyOf || schema.oneOf || schema.allOf;
  if (many) return many.map(spelled).join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map(one => JSON.stringify(one)).join(", ");
  if (schema.type === "array") return "list of " + (schema.items ? spelled(schema.items) : "anything");
  const more = [schema.format, schema.pattern && "/" + schema.pattern + "/"];
  for (const limit of ["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"])
    if (schema[limit] !== undefined) more.push(limit + " " + schema[limit]);
  return [schema.type || "anything", ...more.filter(Boolean)].join(", ");
}
function linked(cell, schema) {
  const target = schema && (schema.$ref || (schema.items && schema.items.$ref));
  if (!target) { cell.textContent = spelled(schema); return; }
  const link = put(cell, "a", spelled(schema));
  link.href = "#" + encodeURIComponent(nameOf(target));
}
function rows(parent, heads, list) {
  if (!list.length) return;
  const table = put(parent, "table"), head = put(table, "tr");
  for (const one of heads) put(head, "th", one);
  for (const row of list) {
    const line = put(table, "tr");
    for (const one of row) {
      const cell = put(line, "td");
      if (one && typeof one === "object") linked(cell, one); else cell.textContent = one || "";
    }
  }
}
function contents(holder) {
  const found = Object.entries((holder && holder.content) || {})[0];
  return found ? found[1].schema || {} : "";
}
function operation(parent, path, method, one) {
  const box = put(parent, "details"), head = put(box, "summary");
  put(head, "span", method.toUpperCase(), "method");
  put(head, "span", path, "path");
  put(head, "span", one.summary, "what");
  if (one.description) put(box, "p", one.description);
  if ((one.parameters || []).length) put(box, "h3", "Parameters");
  rows(box, ["name", "in", "type", "meaning"], (one.parameters || []).map(
    p => [p.name + (p.required ? " *" : ""), p.in, p.schema, p.description]));
  if (one.requestBody) {
    put(box, "h3", "Body");
    rows(box, ["type"], [[contents(one.requestBody)]]);
  }
  put(box, "h3", "Answers");
  rows(box, ["status", "meaning", "type"], Object.entries(one.responses || {}).map(
    ([status, answer]) => [status, answer.description, contents(answer)]));
}
function schema(parent, name, one) {
  const box = put(parent, "details"), head = put(box, "summary");
  box.id = encodeURIComponent(name);
  put(head, "code", name);
  if (one.description) put(box, "p", one.description);
  if (!one.properties) { put(box, "p", spelled(one)); return; }
  const wanted = new Set(one.required || []);
  rows(box, ["field", "type", "default", "meaning"], Object.entries(one.properties).map(([field, of]) => [
    field + (wanted.has(field) ? " *" : ""), of,
    of.default === undefined ? "" : JSON.stringify(of.default), of.description]));
}
function show(found) {
  const page = document.getElementById("page");
  page.textContent = "";
  document.title = found.info.title;
  put(page, "h1", found.info.title + " " + found.info.version);
  if (found.info.summary) put(page, "p", found.info.summary);
  const link = put(put(page, "p", "* must be given. The document for programs: "), "a", "/openapi.json");
  link.href = "/openapi.json";
  for (const [path, methods] of Object.entries(found.paths))
    for (const [method, one] of Object.entries(methods)) operation(page, path, method, one);
  const schemas = Object.entries((found.components || {}).schemas || {});
  if (schemas.length) put(page, "h2", "Types");
  for (const [name, one] of schemas) schema(page, name, one);
  function unfold() {
    const target = document.getElementById(location.hash.slice(1));
    if (target) { target.open = true; target.scrollIntoView(); }
  }
  window.addEventListener("hashchange", unfold);
  unfold();
}
fetch("/openapi.json").then(answer => answer.json()).then(show).catch(error => {
  document.getElementById("page").textContent = "The document /openapi.json cannot be read: " + error;
});
"""

#: The page, in HTML; the same for every document.
PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>portdip</title><style>{_STYLE}</style></head>
<body><div id="page">This page needs JavaScript; the document itself is <a href="/openapi.json">/openapi.json</a>.</div>
<script>{_SCRIPT}</script></body></html>
"""


def _hash(text: str) -> str:
    """A part of the page, as a Content-Security-Policy names it (CSP 3, hash-source)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


#: The headers that go with it.
HEADERS = {
    "content-security-policy": f"default-src 'none'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
    f"script-src {_hash(_SCRIPT)}; style-src {_hash(_STYLE)}",
    "referrer-policy": "no-referrer",
}
