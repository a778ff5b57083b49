// Node's http. Answers each request with what it read, as X-Read: JSON in hexadecimal. Prints its port.
"use strict";
const http = require("http");
const crypto = require("crypto");

const server = http.createServer({ maxHeaderSize: 131072, keepAliveTimeout: 60000 }, (request, response) => {
  const hash = crypto.createHash("sha256");
  let length = 0;
  request.on("data", (piece) => {
    length += piece.length;
    hash.update(piece);
  });
  request.on("end", () => {
    const read = { method: request.method, target: request.url, host: request.headers.host, length, sha256: hash.digest("hex") };
    response.setHeader("X-Read", Buffer.from(JSON.stringify(read)).toString("hex"));
    response.setHeader("Content-Length", 0);
    response.end();
  });
});
server.maxRequestsPerSocket = 0;
server.listen(0, "127.0.0.1", () => console.log("port " + server.address().port));
