// Names as CloudFormation takes them, and as the framework gives them to what it makes of a function.

exports.normalized = (name) => name.split("-").map((word) => word[0].toUpperCase() + word.slice(1)).join("");

exports.logicalId = (name) =>
  `${name[0].toUpperCase()}${name.slice(1).replace(/-/g, "Dash")}LambdaFunction`;
