// Alarms: each function's errors, throttles and p95; the queues; the app's own metrics.
const {normalized, logicalId, served} = require("./names");

const FIVE_MINUTES = 300;
const SLOW = 0.8; // share of the timeout: above it, calls start to time out

module.exports = async ({resolveConfigurationProperty, resolveVariable}) => {
  const stage = await resolveVariable("sls:stage");
  const functions = await resolveConfigurationProperty(["functions"]);
  const spendUsdPerHour = await resolveVariable("param:spendUsdPerHour");
  const alarms = [
    ...Object.entries(functions).flatMap(([name, block]) => ofFunction(name, block.timeout)),
    ...ofQueue("Scan", 1800),
    ...ofQueue("Job", 900),
    ...served(functions).flatMap((name) => ofAnswers(name, stage)),
    ...ofSweep(stage, spendUsdPerHour),
  ];
  const Resources = {...topic(stage)};
  for (const {id, ...properties} of alarms) {
    Resources[`${id}Alarm`] = alarm(`nexscout-${stage}-${id}`, properties);
  }
  return {Resources};
};

function ofFunction(name, timeout) {
  const metric = (MetricName) => ({
    Namespace: "AWS/Lambda",
    MetricName,
    Dimensions: [{Name: "FunctionName", Value: {Ref: logicalId(name)}}],
  });
  const id = normalized(name);
  const prefix = `${name}: `;
  return [
    {
      id: `${id}Errors`,
      AlarmDescription: `${prefix}invocations crashed or were cut off`,
      ...above(0),
      ...metric("Errors"),
      Statistic: "Sum",
    },
    {
      id: `${id}Throttles`,
      AlarmDescription: `${prefix}invocations were refused for lack of concurrency`,
      ...above(0),
      ...metric("Throttles"),
      Statistic: "Sum",
    },
    {
      id: `${id}Duration`,
      AlarmDescription: `${prefix}p95 is near the timeout of ${timeout} s`,
      ...above(SLOW * timeout * 1000, 3),
      ...metric("Duration"),
      ExtendedStatistic: "p95",
    },
  ];
}

function ofQueue(name, oldestSeconds) {
  const metric = (queue, MetricName) => ({
    Namespace: "AWS/SQS",
    MetricName,
    Dimensions: [{Name: "QueueName", Value: {"Fn::GetAtt": [queue, "QueueName"]}}],
    Statistic: "Maximum",
  });
  return [
    {
      id: `${name}DeadLetters`,
      AlarmDescription: "Messages were received five times in vain",
      ...above(0),
      ...metric(`${name}DeadLetters`, "ApproximateNumberOfMessagesVisible"),
    },
    {
      id: `${name}OldestMessage`,
      AlarmDescription: "Work waits longer than its worker ever takes",
      ...above(oldestSeconds),
      ...metric(`${name}Queue`, "ApproximateAgeOfOldestMessage"),
    },
  ];
}

function ofAnswers(name, stage) {
  return [
    {
      id: `${normalized(name)}ProviderErrors`,
      AlarmDescription: `${name}: more than a tenth of the requests failed at the providers`,
      ...above(0.1, 3),
      // One failure among few requests is not a rate yet: the alarm needs two periods within a quarter of an hour.
      DatapointsToAlarm: 2,
      ...own("ProviderErrors", name, stage),
      // 0 or 1 for each request.
      Statistic: "Average",
    },
    {
      id: `${normalized(name)}ServerErrors`,
      AlarmDescription: `${name}: answers of 500 and above`,
      ...above(5),
      ...own("Errors", name, stage),
      Statistic: "Sum",
    },
  ];
}

function ofSweep(stage, spendUsdPerHour) {
  return [
    {
      id: "SpendPerHour",
      AlarmDescription: `More than ${spendUsdPerHour} USD went to providers within an hour`,
      ...above(Number(spendUsdPerHour)),
      ...own("SpentUSD", "sweep", stage),
      Statistic: "Maximum",
    },
    {
      id: "OverdueHolds",
      AlarmDescription: "Holds are open past their life, and sweeps do not close them",
      ...above(0),
      ...own("OverdueHolds", "sweep", stage),
      // Every sweep of the five minutes has found some.
      Statistic: "Minimum",
    },
    {
      id: "SweepFailures",
      AlarmDescription: "The sweep could not close, refill or end something",
      ...above(0, 3),
      ...own("Failures", "sweep", stage),
      Statistic: "Sum",
    },
    {
      id: "SweepMissing",
      AlarmDescription: "No sweep has come to its end",
      ...above(0),
      ...own("Sweeps", "sweep", stage),
      Statistic: "Sum",
      ComparisonOperator: "LessThanOrEqualToThreshold",
      EvaluationPeriods: 2,
      TreatMissingData: "breaching",
    },
  ];
}

function own(MetricName, name, stage) {
  return {Namespace: `nexscout-${stage}`, MetricName, Dimensions: [{Name: "function", Value: name}]};
}

function above(Threshold, EvaluationPeriods = 1) {
  return {
    ComparisonOperator: "GreaterThanThreshold",
    Threshold,
    EvaluationPeriods,
    Period: FIVE_MINUTES,
    TreatMissingData: "notBreaching",
  };
}

function alarm(AlarmName, properties) {
  const tell = [{Ref: "AlarmTopic"}];
  return {
    Type: "AWS::CloudWatch::Alarm",
    Properties: {AlarmName, ...properties, AlarmActions: tell, OKActions: tell},
  };
}

function topic(stage) {
  return {
    // Not encrypted: alarms could not publish with the platform's own key, and their messages contain no secret.
    AlarmTopic: {Type: "AWS::SNS::Topic", Properties: {TopicName: `nexscout-${stage}-alarms`}},
    AlarmSubscription: {
      Type: "AWS::SNS::Subscription",
      Condition: "TellsByEmail",
      Properties: {TopicArn: {Ref: "AlarmTopic"}, Protocol: "email", Endpoint: {Ref: "AlarmEmail"}},
    },
  };
}
