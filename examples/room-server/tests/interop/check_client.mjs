#!/usr/bin/env node
// Interop checks: the OFFICIAL @liveblocks/client (and @liveblocks/node) against any server.
//
//   BASE_URL=http://127.0.0.1:4100 node check_client.mjs
//
// Env: BASE_URL, PUBLIC_KEY (pk_localdev), SECRET_KEY (sk_localdev),
//      ONLY / SKIP = comma separated scenario names or tags, SEED, FUZZ_OPS, FUZZ_CLIENTS,
//      FUZZ_NET = cut,leave,lostack (overrides the faults of the *_network fuzz), TIMEOUT_MS (per scenario), VERBOSE=1 (show client console output), LIST=1 (names only).
// Tags: core text auth rest slow fuzz strict hard
//   strict = server policy, not needed by the client.
//   hard   = only run with HARD=1 or when named in ONLY. The official client plus the reference server do not
//            always pass these; this server does.
// Exit code 0 when everything that ran passed, else 1.
import http from "node:http";
import assert from "node:assert/strict";
import { format } from "node:util";
import WS from "ws";

const verbose = !!process.env.VERBOSE;
const clientLog = [];
for (const k of ["warn", "error"]) { const o = console[k]; console[k] = (...a) => { clientLog.push(format(...a).slice(0, 300)); if (verbose) o(...a); }; }
const { createClient, LiveObject, LiveMap, LiveList, LiveText } = await import("@liveblocks/client");
const { Liveblocks } = await import("@liveblocks/node");

const BASE_URL = process.env.BASE_URL ?? "http://127.0.0.1:4100";
const PUBLIC_KEY = process.env.PUBLIC_KEY ?? "pk_localdev";
const SECRET_KEY = process.env.SECRET_KEY ?? "sk_localdev";
const TIMEOUT = Number(process.env.TIMEOUT_MS ?? 30000);
const WSBASE = BASE_URL.replace(/^http/, "ws");

// ------------------------------------------------------------------ helpers
const list = (k) => (process.env[k] ?? "").split(",").map((s) => s.trim()).filter(Boolean);
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const canon = (v) => JSON.stringify(v, (_k, x) => (x && typeof x === "object" && !Array.isArray(x) ? Object.fromEntries(Object.keys(x).sort().map((k) => [k, x[k]])) : x));
const same = (a, b, msg) => { const ca = canon(a), cb = canon(b); if (ca !== cb) throw new Error(`${msg ?? "mismatch"}\n      got      ${ca}\n      expected ${cb}`); };
async function until(fn, what, ms = 6000) {
  const end = Date.now() + ms; let last;
  for (;;) { try { last = await fn(); if (last) return last; } catch (e) { last = e; } if (Date.now() > end) throw new Error(`timed out waiting for: ${what}${last instanceof Error ? " (" + last.message + ")" : ""}`); await sleep(15); }
}
const within = (p, ms, what) => Promise.race([p, sleep(ms).then(() => { throw new Error(`timed out: ${what}`); })]);
let seq = 0, note = "";
const newRoomId = (tag) => `chk-${tag}-${Date.now().toString(36)}-${seq++}`;

// A WebSocket polyfill whose network can be made to fail on purpose.
function flaky() {
  const ctl = { live: new Set(), offline: false, dropIn: false, dropOut: false, urls: [], sent: [], got: [] };
  ctl.WebSocket = class extends WS {
    constructor(url) { super(ctl.offline ? "ws://127.0.0.1:9/" : url); ctl.urls.push(url); ctl.live.add(this); this.on("close", () => ctl.live.delete(this)); this.on("error", () => {}); }
    emit(ev, ...a) { if (ev === "message") { if (ctl.dropIn) return true; ctl.got.push(a[0].toString()); } return super.emit(ev, ...a); }
    send(d, ...a) { if (ctl.dropOut) return; ctl.sent.push(d); return super.send(d, ...a); }
  };
  ctl.cut = () => { for (const w of ctl.live) w.terminate(); };
  return ctl;
}
const cleanups = [];
function mkClient(opts = {}) {
  const net = flaky();
  const { publicApiKey = PUBLIC_KEY, authEndpoint, ...rest } = opts;
  const auth = authEndpoint ? { authEndpoint } : { publicApiKey };
  const client = createClient({ ...auth, baseUrl: BASE_URL, throttle: 16, polyfills: { WebSocket: net.WebSocket, fetch }, ...rest });
  const errors = [];
  client.events.error.subscribe((e) => errors.push(e));
  return { client, net, errors };
}
function enter(c, roomId, opts = {}) {
  const { room, leave } = c.client.enterRoom(roomId, { initialPresence: {}, ...opts });
  cleanups.push(() => { try { leave(); } catch {} });
  return Object.assign(c, { room, leave: () => leave() });
}
async function join(roomId, opts = {}, copts = {}) {
  const c = enter(mkClient(copts), roomId, opts);
  const { root } = await within(c.room.getStorage(), 8000, "getStorage()");
  return Object.assign(c, { root, json: () => c.root.toJSON() });
}
const synced = (...cs) => until(() => cs.every((c) => c.room.getStatus() === "connected" && c.room.getStorageStatus() === "synchronized"), "all clients synchronized", 15000).catch((e) => {
  throw new Error(e.message + cs.map((c, i) => `\n      client ${i}: ${c.room.getStatus()}/${c.room.getStorageStatus()} sockets=${[...c.net.live].map((w) => w.readyState)} connects=${c.net.urls.length} last sent ${String(c.net.sent.at(-1)).slice(0, 160)} | last got ${String(c.net.got.at(-1)).slice(0, 160)}`).join(""));
});
async function converge(...cs) {
  await synced(...cs);
  await until(() => { const a = canon(cs[0].json()); return cs.every((c) => canon(c.json()) === a); }, () => "", 10000).catch(() => {
    throw new Error("clients diverged:\n" + cs.map((c, i) => `      client ${i}: ${canon(c.json())}`).join("\n"));
  });
  return cs[0].json();
}
const api = async (method, path, body, key = SECRET_KEY) => {
  const r = await fetch(BASE_URL + path, { method, headers: { authorization: `Bearer ${key}`, ...(body !== undefined ? { "content-type": "application/json" } : {}) }, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await r.text(); let json; try { json = JSON.parse(text); } catch {}
  return { status: r.status, text, json };
};
const node = () => new Liveblocks({ secret: SECRET_KEY, baseUrl: BASE_URL });
async function raw(version, roomId, extra = "") {
  const ws = new WS(`${WSBASE}/${version}?roomId=${encodeURIComponent(roomId)}&pubkey=${PUBLIC_KEY}${extra}`);
  const msgs = []; let closed;
  ws.on("message", (d, bin) => msgs.push({ text: d.toString(), bin }));
  ws.on("error", () => {});
  const done = new Promise((r) => ws.on("close", (code, reason) => { closed = { code, reason: reason.toString() }; r(closed); }));
  cleanups.push(() => ws.terminate());
  await within(new Promise((r, j) => { ws.on("open", r); ws.on("error", j); }), 4000, "raw ws open");
  return { ws, msgs, done, get closed() { return closed; }, flat: () => msgs.filter((m) => m.text !== "pong").flatMap((m) => JSON.parse(m.text)), next: (p, what, ms = 3000) => until(() => msgs.filter((m) => m.text !== "pong").flatMap((m) => JSON.parse(m.text)).find(p), what, ms), send: (x) => ws.send(typeof x === "string" ? x : JSON.stringify(x)) };
}
const scenarios = [];
const S = (name, tags, fn) => scenarios.push({ name, tags: tags.split(" "), fn });

// ------------------------------------------------------------------ connection + raw wire
S("connect_public_key", "core", async () => {
  const c = enter(mkClient(), newRoomId("conn"), { initialPresence: { a: 1 } });
  const seen = []; c.room.events.status.subscribe((s) => seen.push(s));
  await until(() => c.room.getStatus() === "connected", "connected");
  await until(() => c.room.getSelf(), "self");
  const self = c.room.getSelf();
  assert.equal(typeof self.connectionId, "number"); assert.equal(self.canWrite, true); same(self.presence, { a: 1 });
  const u = new URL(c.net.urls[0]); assert.equal(u.pathname, "/v8"); assert.equal(u.searchParams.get("pubkey"), PUBLIC_KEY);
  const first = JSON.parse(c.net.got[0]);
  assert.equal(first.type, 104, "first frame must be ROOM_STATE, as a bare object (not an array)");
});
S("wire_v8_fetch", "core", async () => {
  const id = newRoomId("v8"); const a = await join(id, { initialStorage: { o: new LiveObject({ x: 1 }), l: new LiveList(["p"]), m: new LiveMap([["k", 1]]) } }); await synced(a);
  const r = await raw("v8", id);
  const rs = await r.next((m) => m.type === 104, "ROOM_STATE");
  assert.equal(typeof rs.actor, "number"); assert.equal(typeof rs.nonce, "string"); assert.ok(Array.isArray(rs.scopes)); assert.ok(rs.meta && typeof rs.meta === "object");
  assert.ok(rs.users[a.room.getSelf().connectionId], "ROOM_STATE.users lists the other session"); assert.ok(!(rs.actor in rs.users), "users excludes self");
  r.send([{ type: 200 }]);
  await r.next((m) => m.type === 211, "STORAGE_STREAM_END");
  const nodes = r.flat().filter((m) => m.type === 210).flatMap((m) => m.nodes);
  assert.ok(nodes.some((n) => n[0] === "root" && n.length === 2), "root is [\"root\", data]");
  const list = nodes.find((n) => n[1] === 1), map = nodes.find((n) => n[1] === 2), obj = nodes.find((n) => n[1] === 0 && n[0] !== "root");
  same(list.slice(1), [1, "root", "l"]); same(map.slice(1), [2, "root", "m"]); same(obj.slice(1), [0, "root", "o", { x: 1 }]);
  const reg = nodes.find((n) => n[1] === 3 && n[2] === list[0]); assert.equal(reg[4], "p");
});
S("wire_v7_fetch", "strict", async () => {
  const id = newRoomId("v7"); const a = await join(id, { initialStorage: { l: new LiveList(["p"]) } }); await synced(a);
  const r = await raw("v7", id); await r.next((m) => m.type === 104, "ROOM_STATE"); r.send([{ type: 200 }]);
  const m = await r.next((x) => x.type === 200, "STORAGE_STATE (v7)"); const map = new Map(m.items);
  same(map.get("root"), { type: 0, data: {} }); assert.ok([...map.values()].some((n) => n.type === 1 && n.parentId === "root" && n.parentKey === "l"));
});
S("wire_ping_pong", "core", async () => {
  const r = await raw("v8", newRoomId("ping")); await r.next((m) => m.type === 104, "ROOM_STATE");
  r.send("ping"); await until(() => r.msgs.some((m) => m.text === "pong" && !m.bin), "text frame pong", 1900);
});
S("wire_invalid_message_4000", "strict", async () => {
  for (const bad of ["{not json", '{"type":200}', '[{"type":12345}]', '[{"type":201,"ops":[{"type":3,"id":"root","data":{}}]}]']) {
    const r = await raw("v8", newRoomId("bad")); await r.next((m) => m.type === 104, "ROOM_STATE"); r.send(bad);
    const c = await within(r.done, 3000, `close after ${bad}`); assert.equal(c.code, 4000, `close code for ${bad}`);
  }
});
S("wire_ack_and_fanout", "core", async () => {
  const id = newRoomId("ack"); const a = await raw("v8", id), b = await raw("v8", id);
  const { actor } = await a.next((m) => m.type === 104, "ROOM_STATE"); await b.next((m) => m.type === 104, "ROOM_STATE");
  const op = { type: 3, id: "root", opId: `${actor}:0`, data: { k: 1 } };
  a.send([{ type: 201, ops: [op] }]);
  const ack = await a.next((m) => m.type === 201, "ack"); same(ack.ops, [op], "ack echoes the op with its opId");
  const fwd = await b.next((m) => m.type === 201, "forwarded op"); same(fwd.ops, [{ type: 3, id: "root", data: { k: 1 } }], "forward is without opId");
  const n = a.msgs.length;
  a.send([{ type: 201, ops: [{ type: 8, id: `${actor}:9`, opId: `${actor}:1`, parentId: "nope", parentKey: "x", data: 1 }] }]);
  await until(() => a.msgs.length > n, "answer to an op that cannot apply");
  same(JSON.parse(a.msgs[n].text).ops ?? JSON.parse(a.msgs[n].text)[0].ops, [{ type: 5, id: "ACK", opId: `${actor}:1` }], "ignored op is acked with id ACK");
  await sleep(100); assert.equal(b.flat().filter((m) => m.type === 201).length, 1, "ignored op is not forwarded");
});
S("wire_duplicate_create_is_idempotent", "core", async () => {
  const id = newRoomId("dup"); const a = await raw("v8", id); const { actor } = await a.next((m) => m.type === 104, "ROOM_STATE");
  const mk = [{ type: 2, id: `${actor}:0`, opId: `${actor}:0`, parentId: "root", parentKey: "l" }, { type: 8, id: `${actor}:1`, opId: `${actor}:1`, parentId: `${actor}:0`, parentKey: "!", data: "x", intent: "push" }];
  a.send([{ type: 201, ops: mk }]); await until(() => a.flat().filter((m) => m.type === 201).flatMap((m) => m.ops).length >= 2, "first acks");
  const before = a.msgs.length; a.send([{ type: 201, ops: mk }]);
  await until(() => { const ids = a.msgs.slice(before).flatMap((m) => JSON.parse(m.text)).flatMap((m) => m.ops ?? []).map((o) => o.opId); return ids.includes(`${actor}:0`) && ids.includes(`${actor}:1`); }, "both re-sent ops acked");
  const s = await raw("v8", id); await s.next((m) => m.type === 104, "ROOM_STATE"); s.send([{ type: 200 }]); await s.next((m) => m.type === 211, "end");
  assert.equal(s.flat().filter((m) => m.type === 210).flatMap((m) => m.nodes).length, 3, "root + list + one register");
});

S("actor_ids_never_reused", "core", async () => {
  const id = newRoomId("actor"); const seen = [];
  for (let i = 0; i < 3; i++) { const r = await raw("v8", id); seen.push((await r.next((m) => m.type === 104, "ROOM_STATE")).actor); r.ws.close(); await within(r.done, 3000, "close"); await sleep(60); }
  assert.equal(new Set(seen).size, 3, `node ids are "<actor>:<n>", so an actor id must never come back in a room: ${seen}`); assert.ok(seen.every((a) => Number.isInteger(a) && a >= 0));
});

// ------------------------------------------------------------------ storage
const INIT = () => ({ obj: new LiveObject({ n: 1, nested: new LiveObject({ deep: true }) }), map: new LiveMap([["k", 1], ["o", new LiveObject({ z: 1 })]]), list: new LiveList(["a", new LiveObject({ i: 1 }), ["json"]]), plain: { x: [1, null, "é😀"] } });
const INIT_JSON = { obj: { n: 1, nested: { deep: true } }, map: { k: 1, o: { z: 1 } }, list: ["a", { i: 1 }, ["json"]], plain: { x: [1, null, "é😀"] } };
const pair = async (tag, init) => { const id = newRoomId(tag); const a = await join(id, { initialStorage: init }); await synced(a); const b = await join(id); await converge(a, b); return { id, a, b }; };
S("initial_storage", "core", async () => {
  const id = newRoomId("init"); const a = await join(id, { initialStorage: INIT() }); await synced(a); same(a.json(), INIT_JSON);
  const b = await join(id, { initialStorage: { ...INIT(), obj: new LiveObject({ n: 999 }), extra: 7 } });
  same(await converge(a, b), { ...INIT_JSON, extra: 7 }, "existing keys kept, only missing ones filled");
  assert.equal(a.room.history.canUndo(), false, "initial storage must not be undoable");
});
S("live_object", "core", async () => {
  const { a, b } = await pair("obj", INIT());
  a.root.get("obj").set("n", 2); b.root.get("obj").set("m", [1, { q: null }]); same((await converge(a, b)).obj, { n: 2, m: [1, { q: null }], nested: { deep: true } });
  a.root.get("obj").delete("n"); same((await converge(a, b)).obj, { m: [1, { q: null }], nested: { deep: true } });
  b.root.get("obj").get("nested").update({ deep: false, more: 1 }); same((await converge(a, b)).obj.nested, { deep: false, more: 1 });
  a.root.get("obj").set("nested", "now plain"); same((await converge(a, b)).obj.nested, "now plain", "plain data replaces a child node");
  a.root.get("obj").set("m", new LiveList([1, 2])); same((await converge(a, b)).obj.m, [1, 2], "child node replaces plain data");
  a.root.delete("map"); same(Object.keys(await converge(a, b)).sort(), ["list", "obj", "plain"]);
  a.root.get("obj").set("c", "A"); b.root.get("obj").set("c", "B"); const v = (await converge(a, b)).obj.c; assert.ok(["A", "B"].includes(v));
});
S("live_map", "core", async () => {
  const { a, b } = await pair("map", INIT()); const ma = a.root.get("map"), mb = b.root.get("map");
  ma.set("k", 2); mb.set("new", new LiveObject({ q: new LiveList([]) })); same((await converge(a, b)).map, { k: 2, o: { z: 1 }, new: { q: [] } });
  mb.get("new").get("q").push("deep"); same((await converge(a, b)).map.new, { q: ["deep"] });
  ma.delete("o"); same((await converge(a, b)).map, { k: 2, new: { q: ["deep"] } });
  ma.set("x", "A"); mb.set("x", "B"); await converge(a, b);
  ma.delete("k"); mb.set("k", 9); const m = (await converge(a, b)).map; assert.ok(m.k === undefined || m.k === 9);
  ma.set("weird/key~\n\"", null); same((await converge(a, b)).map["weird/key~\n\""], null);
});
S("live_list", "core", async () => {
  const { a, b } = await pair("list", { l: new LiveList(["a", "b", "c"]) }); const la = a.root.get("l"), lb = b.root.get("l");
  la.push("d"); lb.insert("0", 0); same((await converge(a, b)).l, ["0", "a", "b", "c", "d"]);
  la.set(1, "A"); same((await converge(a, b)).l, ["0", "A", "b", "c", "d"]);
  lb.move(0, 4); same((await converge(a, b)).l, ["A", "b", "c", "d", "0"]); la.move(4, 1); same((await converge(a, b)).l, ["A", "0", "b", "c", "d"]);
  la.delete(0); same((await converge(a, b)).l, ["0", "b", "c", "d"]);
  la.push(new LiveObject({ sub: new LiveList([1]) })); await converge(a, b); lb.get(4).get("sub").push(2); same((await converge(a, b)).l[4], { sub: [1, 2] });
  lb.clear(); same((await converge(a, b)).l, []); for (let i = 0; i < 120; i++) la.push(i); same((await converge(a, b)).l, Array.from({ length: 120 }, (_, i) => i));
});
S("list_conflicts", "core", async () => {
  const { a, b } = await pair("lconf", { l: new LiveList(["x", "y", "z"]) }); const la = a.root.get("l"), lb = b.root.get("l");
  la.push("A1"); la.push("A2"); lb.push("B1"); lb.push("B2"); let l = (await converge(a, b)).l; assert.equal(l.length, 7); assert.ok(l.indexOf("A1") < l.indexOf("A2") && l.indexOf("B1") < l.indexOf("B2"));
  la.insert("iA", 1); lb.insert("iB", 1); l = (await converge(a, b)).l; assert.equal(l.length, 9); assert.equal(l[0], "x");
  la.set(0, "sA"); lb.set(0, "sB"); l = (await converge(a, b)).l; assert.equal(l.length, 9, "concurrent set keeps one item"); assert.ok(["sA", "sB"].includes(l[0]));
  la.move(0, 3); lb.move(0, 5); l = (await converge(a, b)).l; assert.equal(l.length, 9);
  la.delete(0); lb.set(0, "set-on-deleted"); await converge(a, b);
  la.delete(1); lb.move(1, 0); await converge(a, b);
  la.set(0, "s1"); la.set(0, "s2"); lb.delete(0); await converge(a, b);
  la.move(0, 2); lb.move(2, 0); await converge(a, b);
  la.clear(); lb.push("survivor"); l = (await converge(a, b)).l; assert.ok(l.includes("survivor"));
});
S("live_text", "text", async () => {
  const { a, b } = await pair("text", { t: new LiveText("Hello") }); const ta = a.root.get("t"), tb = b.root.get("t");
  ta.insert(5, " world", { bold: true }); same((await converge(a, b)).t, [["Hello"], [" world", { bold: true }]]);
  tb.replace(0, 5, "Howdy"); ta.format(0, 2, { italic: true }); await converge(a, b);
  ta.format(0, 2, { italic: null }); same((await converge(a, b)).t.map((s) => s[0]).join(""), "Howdy world");
  ta.insert(0, "AA"); tb.insert(0, "BB"); same((await converge(a, b)).t.map((s) => s[0]).join("").length, 15);
  for (let i = 0; i < 25; i++) { ta.insert(i % 5, "a"); tb.delete(2, 1); tb.insert(3, "b"); ta.format(0, 4, { c: i }); if (i % 7 === 0) await sleep(25); }
  await converge(a, b);
  ta.insert(0, "😀"); tb.insert(1, "é"); await converge(a, b);
  assert.equal(ta.version, tb.version, "same version on both clients");
  assert.ok(!clientLog.some((l) => l.includes("did not match the local prediction")), "server transform must equal the client's (client reported a prediction mismatch)");
});
S("undo_redo", "core", async () => {
  const { a, b } = await pair("undo", { l: new LiveList(["a"]), o: new LiveObject({ n: 0 }), m: new LiveMap() });
  a.root.get("o").set("n", 1); a.root.get("l").push("b"); a.root.get("l").set(0, "A"); a.root.get("m").set("k", new LiveObject({ deep: new LiveList([1, 2]) })); a.root.get("l").move(0, 1); a.root.get("l").delete(0); await converge(a, b);
  const end = a.json(); b.root.get("o").set("fromB", true); await converge(a, b);
  for (let i = 0; i < 6; i++) { assert.ok(a.room.history.canUndo()); a.room.history.undo(); await converge(a, b); }
  same(a.json(), { l: ["a"], o: { n: 0, fromB: true }, m: {} }, "all undone");
  for (let i = 0; i < 6; i++) { a.room.history.redo(); await converge(a, b); }
  same(a.json(), { ...end, o: { ...end.o, fromB: true } }, "all redone");
  a.room.history.pause(); a.root.get("o").set("n", 10); a.root.get("o").set("n", 11); a.room.history.resume(); await converge(a, b); a.room.history.undo(); same((await converge(a, b)).o.n, 1, "paused history undoes as one");
  a.root.get("m").delete("k"); await converge(a, b); a.room.history.undo(); same((await converge(a, b)).m, { k: { deep: [1, 2] } }, "undo of a subtree delete");
});
S("batch", "core", async () => {
  const { a, b } = await pair("batch", { l: new LiveList([]), o: new LiveObject({}) }); const seen = []; b.room.subscribe(b.root, () => seen.push(canon(b.json())), { isDeep: true });
  const n = a.net.sent.length;
  a.room.batch(() => { a.root.get("o").set("x", 1); a.root.get("l").push(1); a.root.get("l").push(2); a.root.set("p", "q"); a.room.updatePresence({ c: 1 }); });
  await converge(a, b); assert.equal(seen.length, 1, "the other client sees one update"); assert.equal(a.net.sent.length, n + 1, "one frame"); a.room.history.undo(); same(await converge(a, b), { l: [], o: {} });
});
S("presence_and_others", "core", async () => {
  const id = newRoomId("pres"); const a = enter(mkClient(), id, { initialPresence: { x: 1, y: 1 } }); await until(() => a.room.getSelf(), "a self");
  const b = enter(mkClient(), id, { initialPresence: { x: 2 } }); await until(() => b.room.getOthers().length === 1 && a.room.getOthers().length === 1, "both see each other");
  same(b.room.getOthers()[0].presence, { x: 1, y: 1 }); same(a.room.getOthers()[0].presence, { x: 2 }); assert.equal(b.room.getOthers()[0].connectionId, a.room.getSelf().connectionId);
  a.room.updatePresence({ x: 5 }); await until(() => b.room.getOthers()[0].presence.x === 5, "patch"); same(b.room.getOthers()[0].presence, { x: 5, y: 1 });
  const c = enter(mkClient(), id, { initialPresence: { z: 3 } }); await until(() => c.room.getOthers().length === 2 && c.room.getOthers().every((o) => o.presence), "late joiner sees both");
  assert.equal(new Set([a, b, c].map((q) => q.room.getSelf().connectionId)).size, 3, "unique connection ids");
  b.leave(); await until(() => a.room.getOthers().length === 1 && c.room.getOthers().length === 1, "leave is seen");
  c.net.cut(); await until(() => a.room.getOthers().length === 1 && a.room.getOthers()[0].presence.z === 3 && a.room.getOthers()[0].connectionId === c.room.getSelf()?.connectionId, "reconnect replaces the old connection", 8000);
});
S("broadcast", "core", async () => {
  const id = newRoomId("bc"); const a = enter(mkClient(), id), b = enter(mkClient(), id); await until(() => a.room.getOthers().length && b.room.getOthers().length, "both in");
  const got = [], own = []; b.room.events.customEvent.subscribe((e) => got.push(e)); a.room.events.customEvent.subscribe((e) => own.push(e));
  for (const ev of [{ type: "hi" }, "str", 5, null, [1]]) a.room.broadcastEvent(ev); await until(() => got.length === 5, "5 events");
  same(got.map((g) => g.event), [{ type: "hi" }, "str", 5, null, [1]]); assert.ok(got.every((g) => g.connectionId === a.room.getSelf().connectionId && g.user)); await sleep(80); assert.equal(own.length, 0, "sender does not get its own event");
});

// ------------------------------------------------------------------ offline, lost acks, reconnects
S("offline_edits", "core", async () => {
  const { a, b } = await pair("off", { l: new LiveList(["a", "b"]), o: new LiveObject({ n: 1, d: 1 }), m: new LiveMap([["k", 1]]) });
  a.room.disconnect(); await until(() => b.room.getOthers().length === 0, "b sees a leave");
  a.root.get("l").push("offA"); a.root.get("o").set("n", 2); a.root.get("m").set("off", 1); a.root.get("l").delete(0); a.root.get("o").set("sub", new LiveObject({ q: 1 }));
  b.root.get("l").push("onB"); b.root.get("o").delete("d"); b.root.get("m").delete("k"); b.root.get("l").insert("first", 0); await synced(b);
  a.room.connect(); const j = await converge(a, b);
  same(j.o, { n: 2, sub: { q: 1 } }); same(j.m, { off: 1 }); assert.equal(j.l.filter((x) => x === "offA").length, 1); assert.ok(j.l.includes("onB") && j.l.includes("first") && !j.l.includes("a"));
});
S("offline_text", "text", async () => {
  const { a, b } = await pair("offt", { t: new LiveText("0123456789") });
  a.room.disconnect(); a.root.get("t").insert(5, "[A]"); a.root.get("t").delete(0, 2); b.root.get("t").insert(5, "[B]"); b.root.get("t").format(0, 4, { bold: true }); b.root.get("t").delete(8, 2); await synced(b);
  a.room.connect(); const s = (await converge(a, b)).t.map((x) => x[0]).join(""); assert.ok(s.includes("[A]") && s.includes("[B]"), s);
});
S("lost_acks", "core", async () => {
  const { a, b } = await pair("lost", { l: new LiveList([]), o: new LiveObject({}) });
  for (let round = 0; round < 3; round++) {
    a.net.dropIn = true; a.root.get("l").push(`p${round}`); a.root.get("l").insert(`i${round}`, 0); a.root.get("o").set(`k${round}`, new LiveList([round])); if (round) a.root.get("l").set(1, `s${round}`);
    await until(() => canon(b.json()).includes(`p${round}`), "server applied it"); b.root.get("l").push(`b${round}`); await synced(b);
    a.net.cut(); await sleep(20); a.net.dropIn = false; await converge(a, b);
  }
  const l = a.json().l; for (const v of ["p0", "p1", "p2", "b0", "b1", "b2"]) assert.ok(l.filter((x) => x === v).length <= 1, `${v} duplicated: ${canon(l)}`); assert.ok(l.includes("p2") && l.includes("b2"));
});
S("lost_acks_text", "text hard", async () => {
  const { a, b } = await pair("lostt", { t: new LiveText("") });
  for (let i = 0; i < 4; i++) { a.net.dropIn = true; a.root.get("t").insert(0, `<${i}>`); await until(() => canon(b.json()).includes(`<${i}>`), "server applied it"); b.root.get("t").insert(0, `(${i})`); a.root.get("t").insert(0, "+"); await synced(b); a.net.cut(); await sleep(20); a.net.dropIn = false; await converge(a, b); }
  const s = a.json().t.map((x) => x[0]).join(""); for (let i = 0; i < 4; i++) assert.equal(s.split(`<${i}>`).length - 1, 1, `text op applied exactly once: ${s}`); assert.equal(s.split("+").length - 1, 4, s);
});
S("lost_sends", "core", async () => {
  const { a, b } = await pair("lsend", { l: new LiveList(["x"]) }); a.net.dropOut = true; a.root.get("l").push("never-sent"); a.root.set("k", 1); await sleep(60); a.net.cut(); a.net.dropOut = false; same(await converge(a, b), { l: ["x", "never-sent"], k: 1 });
});
S("reconnect_new_actor", "core", async () => {
  const { a, b } = await pair("recon", { l: new LiveList([]) }); const before = a.room.getSelf().connectionId; const status = []; a.room.events.status.subscribe((s) => status.push(s));
  a.net.offline = true; a.net.cut(); await until(() => a.room.getStatus() === "reconnecting", "reconnecting"); a.root.get("l").push("while-down"); await sleep(300); a.net.offline = false; same((await converge(a, b)).l, ["while-down"]); assert.notEqual(a.room.getSelf().connectionId, before, "a fresh actor id per connection"); a.root.get("l").push("after"); same((await converge(a, b)).l, ["while-down", "after"]);
  assert.ok(!status.includes("disconnected"));
});
S("leave_and_return_persists", "core", async () => {
  const id = newRoomId("persist"); const a = await join(id, { initialStorage: INIT() }); await synced(a); a.leave(); await sleep(150); const b = await join(id); same(b.json(), INIT_JSON, "storage survives an empty room");
});

// ------------------------------------------------------------------ auth
const authViaCallback = (body, kind = "authorize-user") => async (room) => { const r = await api("POST", `/v2/${kind}`, typeof body === "function" ? body(room) : body); if (r.status !== 200) throw new Error(`${kind}: ${r.status} ${r.text}`); return r.json; };
S("auth_access_token", "auth", async () => {
  const id = newRoomId("acc"); const a = await join(id, { initialStorage: { l: new LiveList([]) } }, { authEndpoint: authViaCallback((room) => ({ userId: "alice", userInfo: { name: "Alice", color: "red" }, permissions: { [room]: ["*:write"] } })) });
  same([a.room.getSelf().id, a.room.getSelf().info], ["alice", { name: "Alice", color: "red" }]); assert.ok(new URL(a.net.urls[0]).searchParams.get("tok"));
  const b = await join(id, {}, { authEndpoint: authViaCallback({ userId: "bob", permissions: { "chk-*": ["room:write"] } }) });
  await until(() => b.room.getOthers()[0]?.id === "alice", "b sees alice"); same(b.room.getOthers()[0].info, { name: "Alice", color: "red" }); await until(() => a.room.getOthers()[0]?.id === "bob", "a sees bob (USER_JOINED carries id/info)"); b.root.get("l").push(1); same((await converge(a, b)).l, [1]);
});
S("auth_endpoint_url", "auth", async () => {
  const seen = []; const srv = http.createServer((q, s) => { let t = ""; q.on("data", (d) => (t += d)); q.on("end", async () => { seen.push([q.method, q.headers["content-type"], JSON.parse(t)]); const r = await api("POST", "/v2/authorize-user", { userId: "u1", permissions: { "chk-*": ["*:write"] } }); s.writeHead(r.status, { "content-type": "application/json" }); s.end(r.text); }); });
  await new Promise((r) => srv.listen(0, "127.0.0.1", r)); cleanups.push(() => srv.close()); const id = newRoomId("url"); const a = await join(id, {}, { authEndpoint: `http://127.0.0.1:${srv.address().port}/auth` }); same(seen[0], ["POST", "application/json", { room: id }]); assert.equal(a.room.getSelf().id, "u1");
});
S("auth_id_token", "auth rest", async () => {
  const id = newRoomId("idt"); const r = await api("POST", "/v2/rooms", { id, defaultAccesses: [], usersAccesses: { carol: ["*:write"] }, groupsAccesses: { staff: ["*:read"] } }); assert.equal(r.status, 200, r.text);
  const a = await join(id, { initialStorage: { n: 1 } }, { authEndpoint: authViaCallback({ userId: "carol", userInfo: { name: "C" } }, "identify-user") }); assert.equal(a.room.getSelf().canWrite, true); await synced(a);
  const b = await join(id, {}, { authEndpoint: authViaCallback({ userId: "dave", groupIds: ["staff"] }, "identify-user") }); assert.equal(b.room.getSelf().canWrite, false); same(b.json(), { n: 1 });
  const x = enter(mkClient({ authEndpoint: authViaCallback({ userId: "eve" }, "identify-user") }), id); await until(() => x.room.getStatus() === "disconnected", "no access -> permanently disconnected"); assert.equal(x.errors[0]?.context.code, 4001);
});
S("auth_read_only", "auth", async () => {
  const id = newRoomId("ro"); const w = await join(id, { initialStorage: { n: 1 } }); await synced(w); const r = await join(id, {}, { authEndpoint: authViaCallback((room) => ({ userId: "r", permissions: { [room]: ["*:read"] } })) });
  assert.equal(r.room.getSelf().canWrite, false); assert.throws(() => r.root.set("n", 2), /read only/); w.root.set("n", 3); same(await converge(w, r), { n: 3 }); await until(() => w.room.getOthers()[0]?.canWrite === false, "others see canWrite=false");
});
S("auth_rejected", "auth strict", async () => {
  for (const o of [{ publicApiKey: "pk_wrong" }, { authEndpoint: authViaCallback({ userId: "m", permissions: { "other-room": ["*:write"] } }) }]) { const c = enter(mkClient(o), newRoomId("rej")); await until(() => c.room.getStatus() === "disconnected", "disconnected"); assert.equal(c.errors[0]?.context.type, "ROOM_CONNECTION_ERROR"); assert.equal(c.errors[0]?.context.code, 4001); }
});

// ------------------------------------------------------------------ REST + @liveblocks/node
S("rest_sees_ws_edits", "rest", async () => {
  const { a, b, id } = await pair("rest", { ...INIT() }); a.root.get("list").insert("zero", 0); await converge(a, b);
  same((await api("GET", `/v2/rooms/${id}/storage?format=json`)).json, a.json()); const p = (await api("GET", `/v2/rooms/${id}/storage`)).json;
  same(p, { liveblocksType: "LiveObject", data: { obj: { liveblocksType: "LiveObject", data: { n: 1, nested: { liveblocksType: "LiveObject", data: { deep: true } } } }, map: { liveblocksType: "LiveMap", data: { k: 1, o: { liveblocksType: "LiveObject", data: { z: 1 } } } }, list: { liveblocksType: "LiveList", data: ["zero", "a", { liveblocksType: "LiveObject", data: { i: 1 } }, ["json"]] }, plain: { x: [1, null, "é😀"] } } });
});
S("node_mutate_storage", "rest", async () => {
  const { a, b, id } = await pair("mut", { l: new LiveList(["a"]) }); const lb = node();
  await lb.mutateStorage(id, ({ root }) => { root.get("l").push("node"); root.get("l").insert("n0", 0); root.set("o", new LiveObject({ x: new LiveList([1]) })); });
  await until(() => canon(b.json()).includes("node"), "clients see the mutation live"); same(await converge(a, b), { l: ["n0", "a", "node"], o: { x: [1] } });
  await lb.mutateStorage(id, async ({ root }) => { root.get("l").delete(0); await sleep(250); root.set("late", 1); }); await until(() => a.json().late === 1, "second flush"); same(await converge(a, b), { l: ["a", "node"], o: { x: [1] }, late: 1 });
  same(await lb.getStorageDocument(id, "json"), a.json());
});
S("node_initialize_and_delete_storage", "rest", async () => {
  const id = newRoomId("initrest"); const lb = node(); await lb.createRoom(id, { defaultAccesses: ["room:write"] }); const doc = { liveblocksType: "LiveObject", data: { l: { liveblocksType: "LiveList", data: ["a", { liveblocksType: "LiveMap", data: { k: 1 } }] }, v: { plain: [1] } } };
  same(await lb.initializeStorageDocument(id, doc), doc); await assert.rejects(lb.initializeStorageDocument(id, doc), (e) => e.status === 409); const a = await join(id); same(a.json(), { l: ["a", { k: 1 }], v: { plain: [1] } }); a.root.get("l").get(1).set("k2", 2); await synced(a); same(await lb.getStorageDocument(id, "json"), { l: ["a", { k: 1, k2: 2 }], v: { plain: [1] } }); a.leave(); await lb.deleteStorageDocument(id); same(await lb.getStorageDocument(id, "json"), {});
});
S("storage_reset_reaches_connected_clients", "rest strict", async () => {
  // No initialStorage here: a client that entered with it re-creates its missing top-level keys after a reset.
  const id = newRoomId("reset"), lb = node(); await lb.createRoom(id, { defaultAccesses: ["room:write"] }); await lb.initializeStorageDocument(id, { liveblocksType: "LiveObject", data: { l: { liveblocksType: "LiveList", data: ["a"] }, n: 1 } });
  const a = await join(id), b = await join(id); same(b.json(), { l: ["a"], n: 1 }); await lb.deleteStorageDocument(id); await until(() => canon(b.json()) === "{}" && canon(a.json()) === "{}", "connected clients see the reset", 8000);
  await lb.initializeStorageDocument(id, { liveblocksType: "LiveObject", data: { fresh: { liveblocksType: "LiveList", data: [1] } } }); await until(() => canon(b.json()) === '{"fresh":[1]}', "connected clients see the new document", 8000); await synced(a, b); b.root.get("fresh").push(2); same(await converge(a, b), { fresh: [1, 2] });
});
S("node_broadcast_event", "rest", async () => {
  const id = newRoomId("nbc"); const a = await join(id); const got = []; a.room.events.customEvent.subscribe((e) => got.push(e)); await node().broadcastEvent(id, { type: "S" }); await until(() => got.length, "event"); same(got[0], { connectionId: -1, user: null, event: { type: "S" } });
});
S("node_set_presence", "rest", async () => {
  const id = newRoomId("nsp"); const a = await join(id); await node().setPresence(id, { userId: "bot", data: { s: 1 }, userInfo: { name: "Bot" }, ttl: 2 }); await until(() => a.room.getOthers().length === 1, "bot is visible"); const o = a.room.getOthers()[0]; same([o.id, o.info, o.presence, o.canWrite], ["bot", { name: "Bot" }, { s: 1 }, false]); const late = enter(mkClient(), id); await until(() => late.room.getOthers().some((x) => x.id === "bot" && x.presence.s === 1), "late joiner sees the bot");
  await node().setPresence(id, { userId: "bot", data: { t: 2 }, userInfo: { name: "Bot" }, ttl: 2 }); await until(() => a.room.getOthers().find((x) => x.id === "bot")?.presence.t === 2, "patched"); await until(() => !a.room.getOthers().some((x) => x.id === "bot"), "bot expires", 4500);
});
S("node_active_users", "rest", async () => { const id = newRoomId("au"); const a = await join(id); const r = await node().getActiveUsers(id); assert.equal(r.data.length, 1); assert.equal(r.data[0].connectionId, a.room.getSelf().connectionId); assert.equal(r.data[0].type, "user"); assert.ok("id" in r.data[0] && r.data[0].info && typeof r.data[0].info === "object", "id (null allowed) and info (object) must be there: the Python SDK reads both"); });
S("json_patch_reaches_clients", "rest", async () => {
  const { a, b, id } = await pair("jp", { l: new LiveList(["a"]), o: new LiveObject({ n: 1 }), m: new LiveMap() });
  const r = await api("PATCH", `/v2/rooms/${id}/storage/json-patch`, [{ op: "add", path: "/l/-", value: { q: [1] } }, { op: "replace", path: "/o/n", value: 2 }, { op: "add", path: "/m/k", value: "v" }, { op: "remove", path: "/l/0" }]); assert.equal(r.status, 200, r.text);
  await until(() => b.json().o.n === 2, "patch arrives live"); same(await converge(a, b), { l: [{ q: [1] }], o: { n: 2 }, m: { k: "v" } }); a.root.get("l").get(0).get("q").push(2); same((await converge(a, b)).l, [{ q: [1, 2] }]);
  const bad = await api("PATCH", `/v2/rooms/${id}/storage/json-patch`, [{ op: "replace", path: "/o/n", value: 3 }, { op: "test", path: "/o/n", value: 99 }]); assert.equal(bad.status, 422); await sleep(100); same((await converge(a, b)).o, { n: 2 });
});

// ------------------------------------------------------------------ size and stress
S("large_document", "slow", async () => {
  const { a, b, id } = await pair("large", { l: new LiveList([]) }); a.root.set("big", "x".repeat(1_500_000)); a.room.batch(() => { for (let i = 0; i < 4000; i++) a.root.get("l").push(new LiveObject({ i, s: "item " + i })); }); await converge(a, b); const c = await join(id); await synced(c); assert.equal(c.json().l.length, 4000); same(c.json(), a.json());
});
function rng(seed) { let s = seed >>> 0; return () => ((s = (Math.imul(s, 1664525) + 1013904223) >>> 0) / 2 ** 32); }
async function fuzz({ text, network, undo }) {
  const seed = Number(process.env.SEED ?? Date.now() % 1e6), R = rng(seed), N = Number(process.env.FUZZ_CLIENTS ?? 3), OPS = Number(process.env.FUZZ_OPS ?? 250); const ri = (n) => Math.floor(R() * n), pick = (x) => x[ri(x.length)];
  note = `SEED=${seed}`;
  const NET = process.env.FUZZ_NET ? list("FUZZ_NET") : network;
  try {
    const id = newRoomId("fuzz"); const first = await join(id, { initialStorage: { o: new LiveObject({}), m: new LiveMap(), l: new LiveList(["s"]), ...(text ? { t: new LiveText("seed text") } : {}) } }); await synced(first); const cs = [first]; for (let i = 1; i < N; i++) cs.push(await join(id)); await converge(...cs);
    const prim = () => pick([() => ri(100), () => "s" + ri(100), () => null, () => [ri(9)]])();
    const liveVal = () => pick([() => new LiveObject({ v: ri(9) }), () => new LiveList([ri(9), "q"]), () => new LiveMap([["k", ri(9)]])])();
    const val = () => (R() < 0.6 ? prim() : liveVal());
    const live = (c) => { const all = []; const walk = (n) => { all.push(n); if (n instanceof LiveObject) for (const k of n.keys()) { const v = n.get(k); if (v instanceof LiveObject || v instanceof LiveList || v instanceof LiveMap) walk(v); } else for (const v of n instanceof LiveMap ? n.values() : n) if (v instanceof LiveObject || v instanceof LiveList || v instanceof LiveMap) walk(v); }; for (const k of ["o", "m", "l"]) { const v = c.root.get(k); if (v) walk(v); } return all; };
    const mutate = (c) => {
      if (text && R() < 0.3) { const t = c.root.get("t"); const k = ri(4); if (k === 0) t.insert(ri(t.length + 1), pick(["a", "bb", "😀", " z "]), R() < 0.3 ? { b: true } : undefined); else if (k === 1) t.delete(ri(t.length + 1), 1 + ri(3)); else if (k === 2) t.format(ri(t.length + 1), 1 + ri(5), { [pick(["b", "i"])]: pick([true, null, 1]) }); else t.replace(ri(t.length + 1), ri(3), "R"); return; }
      const n = pick(live(c));
      // Plain data and live structures use different keys of an object: the official client (3.24.2) detaches a
      // pending local live value when a remote plain write to the same key arrives, yet keeps it; not the server's fault.
      if (n instanceof LiveObject) { const k = ri(6); if (k === 0) n.delete(pick(["a", "b", "x", "y"])); else if (k < 4) n.set(pick(["a", "b"]), prim()); else n.set(pick(["x", "y"]), liveVal()); }
      else if (n instanceof LiveMap) R() < 0.3 ? n.delete(pick(["a", "b", "c"])) : n.set(pick(["a", "b", "c"]), val());
      else { const len = n.length, k = ri(5); if (k === 0 || len === 0) n.push(val()); else if (k === 1) n.insert(val(), ri(len + 1)); else if (k === 2) n.set(ri(len), val()); else if (k === 3) n.move(ri(len), ri(len)); else n.delete(ri(len)); }
    };
    for (let i = 0; i < OPS; i++) {
      const c = pick(cs);
      if (undo && R() < 0.08) R() < 0.6 ? c.room.history.undo() : c.room.history.redo(); else if (R() < 0.1) c.room.batch(() => { mutate(c); mutate(c); mutate(c); }); else mutate(c);
      if (network && R() < 0.03) { const k = pick(NET); if (k === "cut") c.net.cut(); else if (k === "lostack") { c.net.dropIn = true; setTimeout(() => { c.net.cut(); c.net.dropIn = false; }, 40); } else { c.room.disconnect(); setTimeout(() => c.room.connect(), 150 + ri(150)); } }
      if (R() < 0.25) await sleep(ri(25));
    }
    await sleep(400); for (const c of cs) if (c.room.getStatus() === "initial") c.room.connect();
    const j = await converge(...cs); const fresh = await join(id); same(fresh.json(), j, "a fresh client sees the same document");
    const rest = await api("GET", `/v2/rooms/${id}/storage?format=json`).catch(() => undefined); if (rest?.status === 200) same(rest.json, j, "REST sees the same document");
  } catch (e) { throw e; }
}
S("fuzz_storage", "fuzz", () => fuzz({}));
S("fuzz_storage_undo", "fuzz hard", () => fuzz({ undo: true }));
S("fuzz_storage_network", "fuzz", () => fuzz({ network: ["cut"] }));
S("fuzz_storage_hard_network", "fuzz hard", () => fuzz({ network: ["lostack", "leave"] }));
S("fuzz_text", "fuzz text", () => fuzz({ text: true }));
S("fuzz_text_network", "fuzz text hard", () => fuzz({ text: true, network: ["cut", "lostack", "leave"] }));

// ------------------------------------------------------------------ runner
const only = list("ONLY"), skip = list("SKIP"); const hit = (s, l) => l.some((x) => x === s.name || s.tags.includes(x));
if (process.env.LIST) { for (const s of scenarios) console.log(s.name, `[${s.tags.join(" ")}]`); process.exit(0); }
let bg = null; process.on("uncaughtException", (e) => { bg ??= e; if (process.env.STACKS) console.log(e.stack); }); process.on("unhandledRejection", (e) => { bg ??= e; });
let passed = 0; const failed = []; let skipped = 0;
for (const s of scenarios) {
  if ((only.length && !hit(s, only)) || hit(s, skip) || (s.tags.includes("hard") && !process.env.HARD && !only.includes(s.name))) { skipped++; continue; }
  const t = Date.now(); bg = null; note = ""; clientLog.length = 0; let err;
  try { await within(s.fn(), TIMEOUT, "scenario time limit"); if (bg) throw new Error("uncaught in client: " + bg.message); } catch (e) { err = bg && bg !== e ? new Error(`${e.message}\n      (uncaught in client: ${bg.message})`) : e; }
  for (const f of cleanups.splice(0)) try { f(); } catch {}
  if (err) { failed.push(s.name); console.log(`FAIL ${s.name} (${Date.now() - t} ms) ${note}\n      ${err.message}`); if (clientLog.length) console.log("      client log: " + [...new Set(clientLog)].slice(0, 4).join(" | ")); } else { passed++; console.log(`ok   ${s.name} (${Date.now() - t} ms)`); }
}
console.log(`${passed} passed, ${failed.length} failed, ${skipped} skipped`); if (failed.length) console.log("failed: " + failed.join(", ")); process.exit(failed.length ? 1 : 0);
