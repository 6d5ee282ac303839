// One role for each function, from its block in serverless.yml: it may send to the queues in its environment, and receive
// from the queue that feeds it.
const {normalized} = require("./names");

const PARAMETERS = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/nexscout/";

module.exports = async ({resolveConfigurationProperty, resolveVariable}) => {
  const stage = await resolveVariable("sls:stage");
  const functions = await resolveConfigurationProperty(["functions"]);
  const Resources = {};
  for (const [name, block] of Object.entries(functions)) {
    Resources[`${normalized(name)}Role`] = role(name, block, stage);
  }
  return {Resources};
};

function role(name, block, stage) {
  return {
    Type: "AWS::IAM::Role",
    Properties: {
      AssumeRolePolicyDocument: {
        Version: "2012-10-17",
        Statement: [{Effect: "Allow", Principal: {Service: "lambda.amazonaws.com"}, Action: "sts:AssumeRole"}],
      },
      Policies: [
        {
          PolicyName: "what-it-needs",
          PolicyDocument: {
            Version: "2012-10-17",
            Statement: [
              ...always(name, stage),
              ...toldOf(block).map((queue) => onQueue(queue, ["sqs:SendMessage"])),
              ...fedBy(block).map((queue) =>
                onQueue(queue, ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"])
              ),
            ],
          },
        },
      ],
    },
  };
}

function always(name, stage) {
  const group = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/";
  return [
    allow(["logs:CreateLogStream", "logs:PutLogEvents"], sub(`${group}nexscout-${stage}-${name}:*`)),
    // A path is requested with or without a slash at its end, and the right must match the request.
    allow(["ssm:GetParametersByPath"], [sub(`${PARAMETERS}${stage}`), sub(`${PARAMETERS}${stage}/*`)]),
    {
      // With any key of the parameters, but only through the parameter store and only for ours.
      ...allow(["kms:Decrypt"], sub("arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*")),
      Condition: {
        StringEquals: {"kms:ViaService": sub("ssm.${AWS::Region}.amazonaws.com")},
        StringLike: {"kms:EncryptionContext:PARAMETER_ARN": sub(`${PARAMETERS}${stage}/*`)},
      },
    },
    // Traces accept no resource.
    allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*"),
  ];
}

function toldOf(block) {
  return Object.values(block.environment || {}).map((value) => value.Ref).filter(Boolean);
}

function fedBy(block) {
  return (block.events || []).filter((event) => event.sqs).map((event) => event.sqs.arn["Fn::GetAtt"][0]);
}

function onQueue(queue, actions) {
  return allow(actions, {"Fn::GetAtt": [queue, "Arn"]});
}

function allow(Action, Resource) {
  return {Effect: "Allow", Action, Resource};
}

function sub(text) {
  return {"Fn::Sub": text};
}
