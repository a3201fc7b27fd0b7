// Echo server on `ws` from npm, one process.
//
//     node bench/ws/peer_ws.mjs --port N [--relay] [--deflate]
import { createRequire } from "node:module";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
const { WebSocketServer } = require("ws");

const isRelay = process.argv.includes("--relay");
const port = Number(process.argv[process.argv.indexOf("--port") + 1]);
const server = new WebSocketServer({
    host: "127.0.0.1", port, backlog: 4096, clientTracking: isRelay,
    // Small messages go uncompressed by default; here the client asks for what is to be measured.
    perMessageDeflate: process.argv.includes("--deflate") ? { threshold: 0 } : false,
});

server.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (data, isBinary) => {
        if (!isRelay) {
            socket.send(data, { binary: isBinary });
            return;
        }
        for (const other of server.clients) {
            if (other !== socket) other.send(data, { binary: isBinary });
        }
    });
});
server.on("listening", () => {
    process.stdout.write(`peer-ws ready port=${server.address().port}\n`);
});
