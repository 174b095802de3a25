// Calls the provider's SDKs for Node.js on behalf of drive_node.py: a line of JSON comes in for each call, and one goes
// out with what the SDK made of the answer, under the names of the wire. The packages are found by way of NODE_PATH.
'use strict';

const readline = require('node:readline');
const OpenApi = require('@alicloud/openapi-core');
const PopCore = require('@alicloud/pop-core');
const { RuntimeOptions } = require('@darabonba/typescript');
const ecs = require('@alicloud/ecs20140526');
const vpc = require('@alicloud/vpc20160428');

const PACKAGES = { Vpc: vpc, Ecs: ecs };
const TIMEOUT = 20000;

const isEmpty = (value) => Array.isArray(value) && value.length === 0;

function configOf({ key, url, region, signature }) {
  return new OpenApi.$OpenApiUtil.Config({
    accessKeyId: key.access,
    accessKeySecret: key.secret,
    securityToken: key.token || undefined,
    endpoint: new URL(url).host,
    protocol: 'http',
    regionId: region,
    signatureAlgorithm: signature || undefined,
    readTimeout: TIMEOUT,
    connectTimeout: TIMEOUT,
  });
}

// The request as the SDK's own class has it; nothing of it may get lost.
function requestOf(models, operation, parameters) {
  const Request = models[`${operation}Request`];
  const properties = {};
  for (const [property, name] of Object.entries(Request.names())) {
    if (name in parameters) properties[property] = parameters[name];
  }
  const request = new Request(properties);
  const taken = Object.fromEntries(Object.entries(request.toMap()).filter(([, value]) => !isEmpty(value)));
  const sorted = (map) => JSON.stringify(Object.entries(map).sort());
  if (sorted(taken) !== sorted(parameters)) {
    throw new Error(`of ${JSON.stringify(parameters)} the SDK's request has only ${JSON.stringify(taken)}`);
  }
  return request;
}

const KITS = {
  async typed(call) {
    const sdk = PACKAGES[call.product];
    const client = new sdk.default(configOf(call));
    const method = call.operation[0].toLowerCase() + call.operation.slice(1);
    const response = await client[method](requestOf(sdk, call.operation, call.parameters));
    return { status: response.statusCode, answer: response.body.toMap() };
  },

  async generic(call) {
    const client = new OpenApi.default(configOf(call));
    const told = new OpenApi.$OpenApiUtil.Params({
      action: call.operation,
      version: call.version,
      protocol: 'HTTP',
      method: 'POST',
      authType: 'AK',
      style: 'RPC',
      pathname: '/',
      reqBodyType: 'formData',
      bodyType: 'json',
    });
    const request = new OpenApi.$OpenApiUtil.OpenApiRequest({ body: call.parameters });
    const response = await client.callApi(told, request, new RuntimeOptions({}));
    return { status: response.statusCode, answer: response.body };
  },

  async pop(call) {
    const client = new PopCore.RPCClient(
      {
        accessKeyId: call.key.access,
        accessKeySecret: call.key.secret,
        securityToken: call.key.token || undefined,
        endpoint: call.url,
        apiVersion: call.version,
      },
      true,
    );
    const [answer, entry] = await client.request(call.operation, call.parameters, {
      method: call.method,
      timeout: TIMEOUT,
    });
    return { status: entry.response.statusCode, answer };
  },
};

// What an SDK says of an error that the server sent; of any other error only that there was one.
function refusalOf(error) {
  const told = error.data;
  if (!told || !told.Code) return { failed: String(error.stack || error) };
  const status = error.statusCode || (error.entry && error.entry.response.statusCode);
  return { refused: { code: error.code, status, message: String(error.message), told } };
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const call = JSON.parse(line);
    const outcome = await KITS[call.kit](call).catch(refusalOf);
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
  }
}

main();
