// The functions of serverless.yml: their names in CloudFormation and in the framework, and which of them callers reach.

exports.normalized = (name) => name.split("-").map((word) => word[0].toUpperCase() + word.slice(1)).join("");

exports.logicalId = (name) =>
  `${name[0].toUpperCase()}${name.slice(1).replace(/-/g, "Dash")}LambdaFunction`;

// Functions with paths of the API; the others are workers and the sweep.
exports.served = (functions) =>
  Object.keys(functions).filter((name) => (functions[name].events || []).some((event) => event.httpApi));

// The function that streams the same paths, if there is one.
exports.streamed = (functions, name) => (`${name}-stream` in functions ? `${name}-stream` : null);
