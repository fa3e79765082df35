#!/usr/bin/env node
// Four official clients and two Rust clients in one room: random edits, cut connections, lost
// acknowledgements, JSON Patches in between. In the end all must have one document.
//
//   BASE_URL=http://127.0.0.1:4100 BOT=target/debug/examples/bot node mixed.mjs
//
// Env: SEED, ROUNDS (8), OPS (60, per client and round), SECRET_KEY, PUBLIC_KEY.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import WS from "ws";
import { createClient, LiveList, LiveMap, LiveObject, LiveText } from "@liveblocks/client";

const BASE_URL = process.env.BASE_URL ?? "http://127.0.0.1:4100";
const PUBLIC_KEY = process.env.PUBLIC_KEY ?? "pk_localdev";
const SECRET_KEY = process.env.SECRET_KEY ?? "sk_localdev";
const BOT = process.env.BOT ?? "target/debug/examples/bot";
const SEED = Number(process.env.SEED ?? (Date.now() % 1e6) + 1);
const ROUNDS = Number(process.env.ROUNDS ?? 8);
const OPS = Number(process.env.OPS ?? 60);
console.log(`SEED=${SEED} ROUNDS=${ROUNDS} OPS=${OPS}`);

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const canon = (value) =>
  JSON.stringify(value, (_key, x) =>
    x && typeof x === "object" && !Array.isArray(x)
      ? Object.fromEntries(Object.keys(x).sort().map((key) => [key, x[key]]))
      : x,
  );
async function until(what, ms, check) {
  for (const end = Date.now() + ms; ; await sleep(30)) {
    if (await check()) return;
    if (Date.now() > end) throw new Error(`timed out: ${what}`);
  }
}

let state = SEED >>> 0;
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
const below = (bound) => Math.floor(random() * bound);
const pick = (items) => items[below(items.length)];

const room = `mixed-${Date.now().toString(36)}`;

// Official clients, over a network that can be made to fail.
function official() {
  const net = { sockets: new Set(), deaf: false };
  class Socket extends WS {
    constructor(url) {
      super(url);
      net.sockets.add(this);
      this.on("close", () => net.sockets.delete(this));
      this.on("error", () => {});
    }
    emit(event, ...args) {
      return event === "message" && net.deaf ? true : super.emit(event, ...args);
    }
  }
  net.cut = () => net.sockets.forEach((socket) => socket.terminate());
  const client = createClient({
    publicApiKey: PUBLIC_KEY,
    baseUrl: BASE_URL,
    throttle: 16,
    polyfills: { WebSocket: Socket, fetch },
  });
  return { net, client, ...client.enterRoom(room, { initialPresence: {} }) };
}

// What Rust clients do stands in `examples/bot.rs`.
function bot(seed) {
  const url = `${BASE_URL.replace(/^http/, "ws")}/v8?roomId=${room}&pubkey=${PUBLIC_KEY}`;
  const child = spawn(BOT, [url, String(seed)], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (line) => {
    child.stdin.write(line + "\n");
    const { value, done } = await lines.next();
    if (done) throw new Error("a Rust client has ended");
    return value;
  };
  return { child, edit: (number) => ask(`edit ${number}`), json: async () => JSON.parse(await ask("report")) };
}

// One edit. A key of an object is set to plain data or to live structures, not to both: the official
// client loses track of a structure of its own that somebody else's plain data replaces.
function mutate(root) {
  const value = () => pick([() => below(100), () => `s${below(9)}`, () => [below(9)], () => new LiveObject({ v: below(9) })])();
  const [o, m, l, t] = ["o", "m", "l", "t"].map((key) => root.get(key));
  switch (below(9)) {
    case 0: return o.set(pick(["a", "b"]), below(100));
    case 1: return o.set(pick(["x", "y"]), new LiveList([below(9)]));
    case 2: return o.delete(pick(["a", "b", "x", "y"]));
    case 3: return m.set(pick(["k", "j"]), value());
    case 4: return m.delete(pick(["k", "j", "bot"]));
    case 5: return t.insert(below(t.length + 1), pick(["a", "bb", "😀"]), random() < 0.3 ? { b: true } : undefined);
    case 6: return t.delete(below(t.length + 1), 1 + below(2));
    default:
      if (l.length === 0) return l.push(value());
      switch (below(5)) {
        case 0: return l.push(value());
        case 1: return l.insert(value(), below(l.length + 1));
        case 2: return l.set(below(l.length), value());
        case 3: return l.move(below(l.length), below(l.length));
        default: return l.delete(below(l.length));
      }
  }
}

async function api(method, path, body) {
  const answer = await fetch(`${BASE_URL}/v2/rooms/${room}${path}`, {
    method,
    headers: { authorization: `Bearer ${SECRET_KEY}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text;
}

async function editAll(clients, bots) {
  const officials = clients.map(async ({ net, root }) => {
    for (let n = 0; n < OPS; n++) {
      mutate(root);
      const luck = random();
      if (luck < 0.02) net.cut();
      else if (luck < 0.04) {
        net.deaf = true;
        setTimeout(() => { net.cut(); net.deaf = false; }, 40);
      }
      if (random() < 0.4) await sleep(below(15));
    }
  });
  const patches = (async () => {
    for (let n = 0; n < 5; n++) {
      await sleep(20 + below(60));
      await api("PATCH", "/storage/json-patch", [
        { op: "add", path: "/l/0", value: { patch: [n] } },
        { op: "add", path: "/o/a", value: -n },
        { op: "add", path: "/m/patch", value: [n] },
      ]);
    }
  })();
  await Promise.all([...officials, ...bots.map((bot) => bot.edit(OPS)), patches]);
}

// Who has which document, and where it leaves that of the REST API.
const names = ["client 0", "client 1", "client 2", "client 3", "bot 0", "bot 1", "REST"];
function differences(all) {
  const truth = all.at(-1);
  return all.map((one, n) => {
    if (one === truth) return `${names[n]}: as REST`;
    const at = [...one].findIndex((char, at) => char !== truth[at]);
    const part = (text) => text.slice(Math.max(0, at - 60), at + 60);
    return `${names[n]}: ${one.length} bytes, at ${at}\n  has  ${part(one)}\n  REST ${part(truth)}`;
  }).join("\n");
}

async function converge(clients, bots) {
  const calm = ({ room }) => room.getStatus() === "connected" && room.getStorageStatus() === "synchronized";
  await until("official clients synchronized", 30000, () => clients.every(calm));
  let all;
  await until("one document", 15000, async () => {
    all = clients.map(({ root }) => canon(root.toJSON()));
    for (const bot of bots) all.push(canon(await bot.json()));
    all.push(canon(JSON.parse(await api("GET", "/storage?format=json"))));
    return all.every((one) => one === all[0]);
  }).catch((error) => {
    throw new Error(`${error.message}\n${differences(all)}`);
  });
  return all[0];
}

const clients = [0, 1, 2, 3].map(official);
await clients[0].room.getStorage();
await api("POST", "/storage", {
  liveblocksType: "LiveObject",
  data: {
    o: { liveblocksType: "LiveObject", data: {} },
    m: { liveblocksType: "LiveMap", data: {} },
    l: { liveblocksType: "LiveList", data: ["s"] },
    t: { liveblocksType: "LiveText", data: [["seed"]] },
  },
});
const bots = [bot(SEED * 2 + 1), bot(SEED * 2 + 3)];
let failed;
try {
  for (const client of clients) {
    client.root = (await client.room.getStorage()).root;
    await until("the document has arrived", 5000, () => client.root.get("t"));
  }
  for (let round = 1; round <= ROUNDS; round++) {
    await editAll(clients, bots);
    const document = await converge(clients, bots);
    console.log(`round ${round}: one document of ${document.length} bytes`);
  }
} catch (error) {
  failed = error;
}
bots.forEach(({ child }) => child.kill());
console.log(failed ? `FAILED: ${failed.stack}` : `converged after ${ROUNDS * (6 * OPS + 15)} edits`);
process.exit(failed ? 1 : 0);
