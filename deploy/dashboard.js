// The metrics of the alarms over time, one row for each question.
const {served} = require("./names");

const WIDTH = 8;
const HEIGHT = 6;

module.exports = async ({resolveConfigurationProperty, resolveVariable}) => {
  const stage = await resolveVariable("sls:stage");
  const functions = await resolveConfigurationProperty(["functions"]);
  const names = Object.keys(functions);
  const byFunction = (...metrics) => perFunction(stage, served(functions), metrics);
  const graphs = [
    graph("Invocations", "Sum", ofFunctions(stage, names, "Invocations")),
    graph("Errors and throttles", "Sum", ofFunctions(stage, names, "Errors", "Throttles")),
    graph("Duration, p95, ms", "p95", ofFunctions(stage, names, "Duration")),
    graph("Requests", "Sum", byFunction("Requests")),
    graph("Answers of 500 and above", "Sum", byFunction("Errors", "ProviderErrors")),
    graph("Whole time and providers' time, p95, ms", "p95", byFunction("DurationMs", "ProviderMs")),
    graph("USD of the last hour", "Maximum", ofSweep(stage, "SpentUSD")),
    graph("Tokens and energy of requests", "Sum", byFunction("Tokens", "Energy")),
    graph("Holds: expired, overdue", "Maximum", ofSweep(stage, "ExpiredHolds", "OverdueHolds")),
    graph("Messages that wait", "Maximum", ofQueues(stage, ["scans", "jobs"], "ApproximateNumberOfMessagesVisible")),
    graph("Oldest message, s", "Maximum", ofQueues(stage, ["scans", "jobs"], "ApproximateAgeOfOldestMessage")),
    graph("Dead letters", "Maximum", ofQueues(stage, ["scans-dead", "jobs-dead"], "ApproximateNumberOfMessagesVisible")),
  ];
  const DashboardBody = {"Fn::Sub": JSON.stringify({widgets: graphs.map(placed)})};
  return {
    Resources: {
      Dashboard: {
        Type: "AWS::CloudWatch::Dashboard",
        Properties: {DashboardName: `nexscout-${stage}`, DashboardBody},
      },
    },
  };
};

function ofFunctions(stage, names, ...metrics) {
  return names.flatMap((name) =>
    metrics.map((metric) => ["AWS/Lambda", metric, "FunctionName", `nexscout-${stage}-${name}`])
  );
}

function ofQueues(stage, names, metric) {
  return names.map((name) => ["AWS/SQS", metric, "QueueName", `nexscout-${stage}-${name}`]);
}

function perFunction(stage, names, metrics) {
  return names.flatMap((name) => metrics.map((metric) => [`nexscout-${stage}`, metric, "function", name]));
}

function ofSweep(stage, ...metrics) {
  return metrics.map((metric) => [`nexscout-${stage}`, metric, "function", "sweep"]);
}

function graph(title, stat, metrics) {
  return {
    type: "metric",
    properties: {title, stat, metrics, period: 300, region: "${AWS::Region}", view: "timeSeries"},
  };
}

function placed(widget, index) {
  const perRow = 24 / WIDTH;
  return {...widget, x: (index % perRow) * WIDTH, y: Math.floor(index / perRow) * HEIGHT, width: WIDTH, height: HEIGHT};
}
