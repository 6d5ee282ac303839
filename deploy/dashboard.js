// The same figures as the alarms', over time: a row a question.
const WIDTH = 8;
const HEIGHT = 6;

module.exports = async ({resolveConfigurationProperty, resolveVariable}) => {
  const stage = await resolveVariable("sls:stage");
  const names = Object.keys(await resolveConfigurationProperty(["functions"]));
  const graphs = [
    graph("Invocations", names.map((name) => ofFunction(stage, name, "Invocations")), "Sum"),
    graph("Errors and throttles", names.flatMap((name) => [ofFunction(stage, name, "Errors"), ofFunction(stage, name, "Throttles")]), "Sum"),
    graph("Duration, p95, ms", names.map((name) => ofFunction(stage, name, "Duration")), "p95"),
    graph("Requests", byFunction(stage, "Requests"), "Sum"),
    graph("Answers of 500 and above", [...byFunction(stage, "Errors"), ...byFunction(stage, "ProviderErrors")], "Sum"),
    graph("Whole time and providers' time, p95, ms", [...byFunction(stage, "DurationMs"), ...byFunction(stage, "ProviderMs")], "p95"),
    graph("USD of the last hour", [ofApp(stage, "SpentUSD", "sweep")], "Maximum"),
    graph("Tokens and energy of requests", [...byFunction(stage, "Tokens"), ...byFunction(stage, "Energy")], "Sum"),
    graph("Holds: expired, overdue", [ofApp(stage, "ExpiredHolds", "sweep"), ofApp(stage, "OverdueHolds", "sweep")], "Maximum"),
    graph("Messages that wait", ["scans", "jobs"].map((queue) => ofQueue(stage, queue, "ApproximateNumberOfMessagesVisible")), "Maximum"),
    graph("Oldest message, s", ["scans", "jobs"].map((queue) => ofQueue(stage, queue, "ApproximateAgeOfOldestMessage")), "Maximum"),
    graph("Dead letters", ["scans-dead", "jobs-dead"].map((queue) => ofQueue(stage, queue, "ApproximateNumberOfMessagesVisible")), "Maximum"),
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

function byFunction(stage, metric) {
  return ["generate-ai-content", "public-chatbot-chat", "scan-processor-v2"].map((name) => ofApp(stage, metric, name));
}

function ofFunction(stage, name, metric) {
  return ["AWS/Lambda", metric, "FunctionName", `nexscout-${stage}-${name}`];
}

function ofQueue(stage, name, metric) {
  return ["AWS/SQS", metric, "QueueName", `nexscout-${stage}-${name}`];
}

function ofApp(stage, metric, name) {
  return [`nexscout-${stage}`, metric, "function", name];
}

function graph(title, metrics, stat) {
  return {type: "metric", properties: {title, metrics, stat, period: 300, region: "${AWS::Region}", view: "timeSeries"}};
}

function placed(widget, index) {
  const perRow = 24 / WIDTH;
  return {...widget, x: (index % perRow) * WIDTH, y: Math.floor(index / perRow) * HEIGHT, width: WIDTH, height: HEIGHT};
}
