// One address for the web client: the functions here, everything else at the Supabase project, so that the client moves
// by changing one base URL.
const fs = require("fs");
const path = require("path");
const {logicalId, served, streamed} = require("./names");

// Ids of the platform's own policies.
const CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";
const ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac";

const READ_SECONDS = 60;

module.exports = async ({resolveConfigurationProperty, resolveVariable}) => {
  const stage = await resolveVariable("sls:stage");
  const functions = await resolveConfigurationProperty(["functions"]);
  const secretName = await resolveVariable(`param:originSecretName, "nexscout/${stage}/origin"`);
  const secret = `{{resolve:secretsmanager:${secretName}}}`;
  const Resources = {
    RolloutStore: {
      Type: "AWS::CloudFront::KeyValueStore",
      Properties: {Name: `nexscout-${stage}-rollout`, Comment: "percent: the share of callers who are served here"},
    },
    Rollout: {
      Type: "AWS::CloudFront::Function",
      Properties: {
        Name: `nexscout-${stage}-rollout`,
        AutoPublish: true,
        FunctionCode: fs.readFileSync(path.join(__dirname, "rollout.mjs"), "utf8"),
        FunctionConfig: {
          Comment: "Who is served here",
          Runtime: "cloudfront-js-2.0",
          KeyValueStoreAssociations: [{KeyValueStoreARN: {"Fn::GetAtt": ["RolloutStore", "Arn"]}}],
        },
      },
    },
    Edge: {
      Type: "AWS::CloudFront::Distribution",
      Properties: {DistributionConfig: distribution(stage, functions, secret)},
    },
  };
  for (const resource of Object.values(Resources)) resource.Condition = "HasDistribution";
  return {Resources, Outputs: outputs()};
};

function distribution(stage, functions, secret) {
  const names = served(functions);
  const streaming = names.filter((name) => streamed(functions, name));
  return {
    Comment: `NexScout ${stage}`,
    Enabled: true,
    HttpVersion: "http2and3",
    IPV6Enabled: true,
    // Includes the edges in Asia, without the most expensive ones.
    PriceClass: "PriceClass_200",
    Origins: [
      origin("supabase", host({Ref: "SupabaseUrl"})),
      origin("api", {"Fn::Sub": "${HttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"}, secret),
      ...streaming.map((name) => origin(name, urlOf(streamed(functions, name)), secret)),
    ],
    DefaultCacheBehavior: behaviour("supabase"),
    // By name: the project's other Edge Functions stay at Supabase.
    CacheBehaviors: names.flatMap((name) => paths(name, streaming.includes(name) ? name : "api")),
  };
}

function paths(name, originId) {
  // The path and everything below it, but not another function whose name starts with this one.
  return ["", "/*"].map((rest) => ({
    PathPattern: `/functions/v1/${name}${rest}`,
    ...behaviour(originId),
    FunctionAssociations: [
      {EventType: "viewer-request", FunctionARN: {"Fn::GetAtt": ["Rollout", "FunctionMetadata.FunctionARN"]}},
    ],
  }));
}

function behaviour(TargetOriginId) {
  return {
    TargetOriginId,
    ViewerProtocolPolicy: "https-only",
    AllowedMethods: ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"],
    CachePolicyId: CACHING_DISABLED,
    // Includes the headers of WebSocket requests.
    OriginRequestPolicyId: ALL_VIEWER_EXCEPT_HOST,
    // Without compression the events of a stream are passed on at once.
    Compress: false,
  };
}

function origin(Id, DomainName, secret) {
  return {
    Id,
    DomainName,
    CustomOriginConfig: {
      OriginProtocolPolicy: "https-only",
      OriginSSLProtocols: ["TLSv1.2"],
      OriginReadTimeout: READ_SECONDS,
    },
    ...(secret && {OriginCustomHeaders: [{HeaderName: "x-origin-secret", HeaderValue: secret}]}),
  };
}

function urlOf(name) {
  return host({"Fn::GetAtt": [`${logicalId(name)}Url`, "FunctionUrl"]});
}

function host(address) {
  return {"Fn::Select": [2, {"Fn::Split": ["/", address]}]};
}

function outputs() {
  return {
    EdgeUrl: {
      Condition: "HasDistribution",
      Description: "The base URL of the web client",
      Value: {"Fn::Sub": "https://${Edge.DomainName}"},
    },
    RolloutStoreArn: {
      Condition: "HasDistribution",
      Description: "Where the share of callers who are served here is kept",
      Value: {"Fn::GetAtt": ["RolloutStore", "Arn"]},
    },
  };
}
