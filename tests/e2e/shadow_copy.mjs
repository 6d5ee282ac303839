// The old function of a project, with the code of docs/cutover.md: answers one request, and prints its answer.
// The platform's own objects are replaced; the request is on stdin as {path, method, headers, body}.
import { readFileSync } from "node:fs";

const [, , code] = process.argv;
const given = JSON.parse(readFileSync(0, "utf8"));
const pending = [];
globalThis.Deno = { env: { get: (name) => process.env[name] } };
globalThis.EdgeRuntime = { waitUntil: (promise) => pending.push(promise) };

const { shadowed } = await import(code);
const old = async (request) =>
  Response.json({ answer: "the old one's", body_received: await request.text() }, { status: 201 });
const { path, ...options } = given;
const response = await shadowed(path, old)(new Request(`http://old.example/functions/v1/${path}`, options));
console.log(JSON.stringify({ status: response.status, ...(await response.json()) }));
await Promise.all(pending);
console.log(JSON.stringify({ copies: pending.length }));
