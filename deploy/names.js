// What is made of the functions of serverless.yml: their names as CloudFormation takes them and as the framework gives
// them, and which of them callers reach.

exports.normalized = (name) => name.split("-").map((word) => word[0].toUpperCase() + word.slice(1)).join("");

exports.logicalId = (name) =>
  `${name[0].toUpperCase()}${name.slice(1).replace(/-/g, "Dash")}LambdaFunction`;

// Those with paths of the API: the others work behind them.
exports.served = (functions) =>
  Object.keys(functions).filter((name) => (functions[name].events || []).some((event) => event.httpApi));

// The one that serves the same paths piece by piece, where there is one.
exports.streamed = (functions, name) => (`${name}-stream` in functions ? `${name}-stream` : null);
