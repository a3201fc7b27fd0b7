/*
 * A desk in memory that speaks the console's protocol, to look at the console and to test it where the real
 * server would be in the way: `node preview/fake-desk.mjs --scene busy --port 8123`, then open /console/.
 * Any e-mail with the password "preview password" logs in as the first agent. Not a server for anything else.
 *
 * POST /fake/visitor {conversation?, text} lets a visitor write, /fake/typing {conversation, on} type,
 * /fake/agent {conversation, agent, text} a colleague answer, /fake/drop cuts all sockets for `ms`.
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { fill } from "./scenes.mjs";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
export const PASSWORD = "preview password";
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
const clip = (text) => [...text].slice(0, 200).join("");
const id = () => randomBytes(16).toString("hex");

export class FakeDesk {
  agents = [];
  conversations = new Map();
  messages = new Map();
  facts = new Map();
  events = [];
  sockets = new Set();
  /** Answers of `post` are held back this long, to see what waiting looks like. */
  delay = 0;
  quiet = true;

  addAgent(agent) {
    this.agents.push({ agent: this.agents.length + 1, removed: false, ...agent });
    return this.agents[this.agents.length - 1];
  }

  addConversation({ name, email, at, facts }) {
    const visitor = { visitor: id(), ...(name ? { name } : {}), ...(email ? { email } : {}) };
    const c = {
      conversation: this.conversations.size + 1,
      site: "demo",
      visitor,
      state: "open",
      last: 0,
      unread: 0,
      first_text: "",
      last_text: "",
      last_author: "site",
      created_at: Math.round(at),
      changed_at: Math.round(at),
      visitor_delivered: 0,
      visitor_read: 0,
      agent_read: 0,
    };
    this.conversations.set(c.conversation, c);
    this.messages.set(c.conversation, []);
    this.facts.set(c.conversation, facts ?? {});
    return c;
  }

  say(c, author, text, at = Date.now(), agent, messageId = id()) {
    const message = { number: c.last + 1, author, text, at: Math.round(at) };
    if (author === "visitor" || author === "agent") {
      message.id = messageId;
    }
    if (agent !== undefined) {
      Object.assign(message, { agent, name: this.agents[agent - 1].name });
    }
    this.#store(c, message);
    c.last_text = clip(text);
    c.last_author = author;
    if (author === "visitor") {
      c.first_text ||= clip(text);
      c.waiting_since ??= message.at;
    } else if (author === "agent") {
      delete c.waiting_since;
    }
    this.#count(c);
    this.emit({ kind: "message", conversation: c.conversation, message });
    return message;
  }

  line(c, line, agent, at = Date.now()) {
    const who = agent === undefined ? {} : { agent, name: this.agents[agent - 1].name };
    const message = {
      number: c.last + 1,
      author: "system",
      line,
      text: "",
      at: Math.round(at),
      ...who,
    };
    this.#store(c, message);
    this.emit({ kind: "message", conversation: c.conversation, message });
  }

  assignSilently(c, agent) {
    c.agent = agent;
  }

  changed(c) {
    c.changed_at = Math.max(c.changed_at, Date.now());
    this.emit({ kind: "conversation", changed: { ...c, visitor: { ...c.visitor } } });
  }

  #store(c, message) {
    this.messages.get(c.conversation).push(message);
    c.last = message.number;
    c.changed_at = Math.max(c.changed_at, message.at);
  }

  #count(c) {
    c.unread = this.messages
      .get(c.conversation)
      .filter((m) => m.author === "visitor" && m.number > c.agent_read).length;
  }

  emit(event) {
    if (this.quiet) {
      return;
    }
    const numbered = { event: this.events.length + 1, ...event };
    this.events.push(numbered);
    this.send({ type: "desk_event", event: numbered });
  }

  send(message, except) {
    for (const socket of this.sockets) {
      if (socket !== except) {
        socket.send(JSON.stringify(message));
      }
    }
  }

  list(view, me) {
    const wanted = {
      mine: (c) => c.state === "open" && c.agent === me,
      unassigned: (c) => c.state === "open" && c.agent === undefined,
      all: (c) => c.state === "open",
      closed: (c) => c.state === "closed",
    }[view];
    return [...this.conversations.values()]
      .filter(wanted)
      .sort((a, b) => b.changed_at - a.changed_at || b.conversation - a.conversation);
  }

  read(c, number) {
    if (number > c.agent_read) {
      c.agent_read = Math.min(number, c.last);
      this.#count(c);
      this.receipt(c);
    }
  }

  receipt(c) {
    const { visitor_delivered, visitor_read, agent_read } = c;
    this.emit({
      kind: "receipt",
      conversation: c.conversation,
      receipt: { visitor_delivered, visitor_read, agent_read },
    });
  }

  /** A visitor writes; without a conversation a new one begins. */
  visit(conversation, text, name) {
    let c = this.conversations.get(conversation);
    if (c === undefined) {
      c = this.addConversation({
        name,
        at: Date.now(),
        facts: { page: "https://shop.example/", language: "en" },
      });
      this.quiet = true;
      this.say(c, "site", "Welcome! How can we help?");
      this.quiet = false;
      this.changed(c);
    }
    if (c.state === "closed") {
      c.state = "open";
      this.changed(c);
    }
    this.say(c, "visitor", text);
    return c;
  }

  answer(command, me) {
    const c = this.conversations.get(command.conversation);
    const { ref } = command;
    const refused = (error, more = {}) => ({ type: "refused", ref, error, text: error, ...more });
    const last = this.events.length;
    switch (command.type) {
      case "hello": {
        const count = (view) => this.list(view, me.agent).length;
        return {
          type: "welcome",
          ref,
          agent: me,
          agents: this.agents,
          event: last,
          oldest: 1,
          mine: count("mine"),
          unassigned: count("unassigned"),
          all: count("all"),
        };
      }
      case "list": {
        const all = this.list(command.view, me.agent);
        const from =
          command.before === undefined
            ? 0
            : all.findIndex((one) => `${one.changed_at}.${one.conversation}` === command.before) +
              1;
        const items = all.slice(from, from + (command.limit ?? 50));
        const end = items[items.length - 1];
        const more = from + items.length < all.length;
        return {
          type: "conversations",
          ref,
          view: command.view,
          items,
          event: last,
          ...(more ? { next: `${end.changed_at}.${end.conversation}` } : {}),
        };
      }
      case "events":
        return {
          type: "events",
          ref,
          items: this.events.slice(command.after, command.after + (command.limit ?? 200)),
          last,
        };
      case "status":
        me.status = command.status;
        this.send({ type: "presence", agent: me.agent, status: me.status, connected: true });
        return { type: "done", ref };
      case "ping":
        return { type: "pong", ref };
      case "delivered":
        return undefined;
      default:
        return c === undefined ? refused("not_found") : this.answerAbout(c, command, me, refused);
    }
  }

  answerAbout(c, command, me, refused) {
    const { ref } = command;
    const done = { type: "done", ref };
    const all = this.messages.get(c.conversation);
    switch (command.type) {
      case "open":
        return {
          type: "conversation",
          ref,
          conversation: c,
          facts: this.facts.get(c.conversation),
          event: this.events.length,
        };
      case "history": {
        const limit = command.limit ?? 100;
        const wanted =
          command.before === undefined
            ? all.filter((m) => m.number > (command.after ?? 0))
            : all.filter((m) => m.number < command.before);
        const items = command.before === undefined ? wanted.slice(0, limit) : wanted.slice(-limit);
        return {
          type: "messages",
          ref,
          conversation: c.conversation,
          items,
          more: wanted.length > items.length,
        };
      }
      case "post":
        return this.post(c, command, me, refused);
      case "take":
        if (c.agent !== undefined && c.agent !== me.agent) {
          return refused("taken", { agent: c.agent });
        }
        c.agent = me.agent;
        this.line(c, "joined", me.agent);
        this.changed(c);
        return done;
      case "assign":
        if (command.agent === undefined) {
          delete c.agent;
        } else {
          c.agent = command.agent;
        }
        this.line(c, "assigned", command.agent);
        this.changed(c);
        return done;
      case "close":
        c.state = "closed";
        delete c.waiting_since;
        this.line(c, "closed", me.agent);
        this.changed(c);
        return done;
      case "reopen":
        c.state = "open";
        this.line(c, "reopened", me.agent);
        this.changed(c);
        return done;
      case "read":
        this.read(c, command.number);
        return undefined;
      case "typing":
        return undefined;
      default:
        return refused("unknown_command");
    }
  }

  post(c, command, me, refused) {
    const before = this.messages.get(c.conversation).find((m) => m.id === command.id);
    if (before === undefined) {
      const unseen = this.messages
        .get(c.conversation)
        .filter((m) => m.author === "visitor")
        .pop();
      if (c.state === "closed") {
        return refused("closed", { id: command.id });
      }
      if (!command.force && unseen !== undefined && command.seen < unseen.number) {
        return refused("stale", { id: command.id, number: unseen.number });
      }
      if (c.agent === undefined) {
        c.agent = me.agent;
        this.line(c, "joined", me.agent);
        this.changed(c);
      }
    }
    const message = before ?? this.say(c, "agent", command.text, Date.now(), me.agent, command.id);
    return {
      type: "stored",
      ref: command.ref,
      id: command.id,
      conversation: c.conversation,
      number: message.number,
      at: message.at,
    };
  }
}

/** Starts a fake desk; gives its address, the desk itself, and a way to stop it. */
export async function startFakeDesk({
  dist = DIST,
  scene = "some",
  port = 0,
  loggedIn = true,
  owner = true,
} = {}) {
  const desk = new FakeDesk();
  fill(desk, scene, Date.now());
  desk.quiet = false;
  let session = loggedIn;
  let needsOwner = !owner;
  let refuseUntil = 0;
  const started = Date.now();
  const me = desk.agents[0];
  const sessions = someSessions(started);

  const api = (method, path, body) => {
    const fail = (status, error) => [status, { error, text: error }];
    const route = `${method} ${path.replace(/\d+/g, ":n")}`;
    switch (route) {
      case "GET /api/setup":
        return [200, { needed: needsOwner }];
      case "POST /api/setup":
        if (!/^[0-9a-f]{64}$/.test(body.token ?? "") || /^f+$/.test(body.token)) {
          return fail(403, "bad_token");
        }
        needsOwner = false;
        session = true;
        Object.assign(me, { name: body.name, email: body.email });
        return [200, { agent: me }];
      case "POST /api/login":
        if (body.password !== PASSWORD) {
          return fail(401, "bad_login");
        }
        session = true;
        return [200, { agent: me }];
      default:
    }
    if (!session) {
      return fail(401, "not_logged_in");
    }
    switch (route) {
      case "GET /api/me":
        return [200, { agent: me }];
      case "POST /api/logout":
        session = false;
        return [200, { ok: true }];
      case "POST /api/agents": {
        if (desk.agents.some((one) => one.email === body.email)) {
          return fail(409, "exists");
        }
        const agent = desk.addAgent({
          name: body.name,
          email: body.email,
          role: body.role,
          status: "online",
          connected: false,
        });
        desk.emit({ kind: "agent", agent });
        return [200, { agent }];
      }
      case "DELETE /api/agents/:n": {
        const agent = desk.agents[Number(path.split("/").pop()) - 1];
        agent.removed = true;
        desk.emit({ kind: "agent", agent });
        return [200, { ok: true }];
      }
      case "POST /api/agents/:n/password":
        return body.old_password !== undefined && body.old_password !== PASSWORD
          ? fail(401, "bad_login")
          : [200, { ok: true }];
      case "GET /api/agents/:n/sessions":
        return [200, { sessions }];
      case "DELETE /api/agents/:n/sessions":
        sessions.splice(1);
        return [200, { ok: true }];
      case "DELETE /api/sessions/:n":
        sessions.splice(
          sessions.findIndex((one) => one.session === Number(path.split("/").pop())),
          1,
        );
        return [200, { ok: true }];
      default:
        return fail(404, "not_found");
    }
  };

  const fake = (path, body) => {
    const c = desk.conversations.get(body.conversation);
    switch (path) {
      case "/fake/visitor":
        return { conversation: desk.visit(body.conversation, body.text, body.name).conversation };
      case "/fake/agent":
        return { number: desk.say(c, "agent", body.text, Date.now(), body.agent).number };
      case "/fake/typing":
        desk.send({
          type: "typing",
          conversation: body.conversation,
          on: body.on,
          ...(body.agent ? { agent: body.agent } : {}),
        });
        return {};
      case "/fake/seen":
        c.visitor_delivered = c.last;
        c.visitor_read = body.read ? c.last : c.visitor_read;
        desk.receipt(c);
        return {};
      case "/fake/delay":
        desk.delay = body.ms;
        return {};
      case "/fake/drop":
        refuseUntil = Date.now() + body.ms;
        for (const socket of desk.sockets) {
          socket.terminate();
        }
        return {};
      case "/fake/end":
        session = false;
        for (const socket of desk.sockets) {
          socket.close(4401, "session ended");
        }
        return {};
      default:
        return { error: "not_found" };
    }
  };

  const server = createServer(async (request, response) => {
    const path = new URL(request.url, "http://desk").pathname;
    const json = (status, value) => {
      response.writeHead(status, {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
      });
      response.end(JSON.stringify(value));
    };
    if (path.startsWith("/api/") || path.startsWith("/fake/")) {
      let text = "";
      for await (const chunk of request) {
        text += chunk;
      }
      const body = text === "" ? {} : JSON.parse(text);
      if (path.startsWith("/fake/")) {
        json(200, fake(path, body));
      } else {
        json(...api(request.method, path, body));
      }
      return;
    }
    if (!path.startsWith("/console/")) {
      response.writeHead(302, { Location: "/console/" }).end();
      return;
    }
    const file = normalize(path.slice("/console/".length)) || ".";
    try {
      const name = file === "." ? "index.html" : file;
      const content = await readFile(join(dist, name));
      response.writeHead(200, {
        "Content-Type": TYPES[extname(name)] ?? "application/octet-stream",
        "Content-Security-Policy": POLICY,
      });
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  });

  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (all) => [...all][0] });
  server.on("upgrade", (request, socket, head) => {
    if (!session || Date.now() < refuseUntil) {
      socket.end(
        `HTTP/1.1 ${session ? "503 Service Unavailable" : "401 Unauthorized"}\r\nConnection: close\r\n\r\n`,
      );
      return;
    }
    sockets.handleUpgrade(request, socket, head, (peer) => {
      me.connected = true;
      peer.on("close", () => desk.sockets.delete(peer));
      peer.on("message", (data) => {
        const command = JSON.parse(data.toString());
        const reply = () => {
          const answer = desk.answer(command, me);
          if (command.type === "hello") {
            desk.sockets.add(peer);
          }
          if (answer !== undefined) {
            peer.send(JSON.stringify(answer));
          }
        };
        if (command.type === "post" && desk.delay > 0) {
          setTimeout(reply, desk.delay);
        } else {
          reply();
        }
      });
    });
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${server.address().port}`;
  const stop = async () => {
    for (const socket of sockets.clients) {
      socket.terminate();
    }
    await new Promise((resolve) => server.close(resolve));
  };
  return { address, desk, stop };
}

function someSessions(now) {
  const browser = (which) =>
    `Mozilla/5.0 (${which}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36`;
  return [
    {
      session: 1,
      created_at: now - 3_600_000,
      seen_at: now,
      address: "192.0.2.7",
      browser: browser("X11; Linux x86_64"),
      current: true,
    },
    {
      session: 2,
      created_at: now - 86_400_000 * 3,
      seen_at: now - 86_400_000,
      address: "2001:db8::17",
      browser: browser("Windows NT 10.0; Win64; x64"),
      current: false,
    },
    {
      session: 3,
      created_at: now - 86_400_000 * 9,
      seen_at: now - 7_200_000,
      address: "198.51.100.23",
      browser: browser("Linux; Android 14; Pixel 8"),
      current: false,
    },
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = (name, otherwise) => {
    const at = process.argv.indexOf(`--${name}`);
    return at < 0 ? otherwise : process.argv[at + 1];
  };
  const { address } = await startFakeDesk({
    dist: option("dist", DIST),
    scene: option("scene", "some"),
    port: Number(option("port", "8123")),
  });
  process.stdout.write(`${address}/console/\n`);
}
