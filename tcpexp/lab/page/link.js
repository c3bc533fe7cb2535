// The whole state in the address, behind "#": which experiment, what was turned or written, which runs, which time is shown.
// It stays in the browser: nothing behind "#" is ever sent.

/** Return the part of an address that holds a state. */
export async function write(state) {
  const parts = new URLSearchParams();
  if (!state.spec) return "";
  parts.set("spec", state.spec);
  for (const [path, value] of Object.entries(state.knobs || {})) parts.append("set", `${path}=${value}`);
  if (state.text !== null && state.text !== undefined) parts.set("text", await pack(state.text));
  if (state.run) parts.set("run", state.run);
  if (state.pinned) parts.set("pin", state.pinned);
  if (state.zoom) parts.set("zoom", state.zoom.map((seconds) => Number(seconds.toPrecision(9))).join(","));
  if (state.tab && state.tab !== "result") parts.set("tab", state.tab);
  return `#${parts}`;
}

/** Return the state that an address holds; what is not in it is empty. */
export async function read(hash) {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const knobs = {};
  for (const set of parts.getAll("set")) {
    const [path, ...value] = set.split("=");
    if (path && value.length) knobs[path] = value.join("=");
  }
  const zoom = (parts.get("zoom") || "").split(",").map(Number);
  let text = null;
  try {
    text = parts.has("text") ? await unpack(parts.get("text")) : null;
  } catch {
    text = null; // a link that was cut
  }
  return { spec: parts.get("spec"), knobs, text, run: parts.get("run"), pinned: parts.get("pin"), zoom: zoom.length === 2 && zoom.every(Number.isFinite) && zoom[0] < zoom[1] ? zoom : null, tab: parts.get("tab") };
}

async function pack(text) {
  const bytes = new Uint8Array(await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"))).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"))).text();
}
