// `osls invoke local` against the running stack: its addresses and keys instead of the cloud's, the Python of this
// folder, and a body as the event of a call by the demo user. Every other command of the framework is left as it is.
const {spawnSync} = require("child_process");
const fs = require("fs");
const path = require("path");

// What the platform's clients want to see; nobody checks them here.
const CREDENTIALS = {AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local"};

class InvokeLocal {
  constructor(serverless, options) {
    this.serverless = serverless;
    this.options = options;
    this.hooks = {
      initialize: () => this.isAsked() && this.prepare(),
      "before:invoke:local:invoke": () => this.wrapBody(),
    };
  }

  isAsked() {
    return this.serverless.processedInput.commands.join(" ") === "invoke local";
  }

  // Before the framework asks the cloud for what the template only refers to.
  prepare() {
    const {service} = this.serverless;
    process.env.VIRTUAL_ENV = this.at(".venv");
    Object.assign(process.env, CREDENTIALS);
    service.provider.environment = this.environment();
    for (const block of Object.values(service.functions)) {
      const known = Object.entries(block.environment || {}).filter(([, value]) => typeof value !== "object");
      block.environment = Object.fromEntries(known);
    }
  }

  environment() {
    const file = process.env.NEXSCOUT_ENV_FILE || this.at(".local/env");
    if (!fs.existsSync(file)) {
      throw this.problem("no stack has been started in this folder: run `make dev` in another terminal first.");
    }
    const lines = fs.readFileSync(file, "utf8").split("\n").filter((line) => line.includes("="));
    const env = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)));
    // A provider of the caller's own wins.
    for (const name of ["OPENAI_API_KEY", "OPENAI_BASE_URL"]) {
      if (process.env[name]) env[name] = process.env[name];
    }
    return env;
  }

  wrapBody() {
    const {options} = this;
    const isServed = (options.functionObj.events || []).some((event) => event.httpApi);
    if (!isServed || isEvent(options.data)) return;
    const body = JSON.stringify(options.data || {});
    const program = this.at(".venv/bin/python");
    const words = ["-m", "local.commands.cli", "event", options.function, "--data", body];
    const made = spawnSync(program, words, {cwd: this.serverless.serviceDir, encoding: "utf8"});
    if (made.status !== 0) throw this.problem(made.stderr || String(made.error));
    options.data = JSON.parse(made.stdout);
  }

  problem(sentence) {
    return new this.serverless.classes.Error(sentence.trim());
  }

  at(place) {
    return path.join(this.serverless.serviceDir, place);
  }
}

function isEvent(data) {
  return Boolean(data) && typeof data === "object" && ("requestContext" in data || "source" in data);
}

module.exports = InvokeLocal;
