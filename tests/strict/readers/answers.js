// Node's http client. One line of JSON in for each answer ({"method", "path", "whole"}), one out: what was read of the
// player at the port that is the argument, and whether the same connection then had the next answer.
"use strict";
const http = require("http");
const crypto = require("crypto");
const readline = require("readline");

function ask(agent, method, path) {
  return new Promise((resolve) => {
    const request = http.request({ agent, method, path, host: "127.0.0.1", port: Number(process.argv[2]) }, (answer) => {
      const hash = crypto.createHash("sha256");
      let length = 0;
      answer.on("data", (piece) => {
        length += piece.length;
        hash.update(piece);
      });
      answer.on("error", (error) => resolve({ error: error.code || error.message }));
      answer.on("end", () => {
        const fields = {};
        for (let i = 0; i < answer.rawHeaders.length; i += 2) {
          const name = answer.rawHeaders[i].toLowerCase();
          (fields[name] = fields[name] || []).push(Buffer.from(answer.rawHeaders[i + 1], "latin1").toString("hex"));
        }
        resolve({ status: answer.statusCode, length, sha256: hash.digest("hex"), fields, socket: answer.socket });
      });
    });
    request.on("error", (error) => resolve({ error: error.code || error.message }));
    request.end();
  });
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const wanted = JSON.parse(line);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const said = await ask(agent, wanted.method, wanted.path);
    // The socket goes back to the agent's pool after "end".
    if (wanted.whole && !said.error) {
      await new Promise(setImmediate);
      const next = await ask(agent, "GET", wanted.path + "/next");
      said.next = next.socket === said.socket ? next.sha256 : "on another connection";
    }
    delete said.socket;
    agent.destroy();
    console.log(JSON.stringify(said));
  }
}
main();
