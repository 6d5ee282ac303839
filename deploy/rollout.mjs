// Runs at the edge before each call of the functions: a percentage of callers is served here, the others by the Supabase
// project. The key `percent` of the store has the number; without it, no caller is served here.
import cf from 'cloudfront';
import crypto from 'crypto';

async function handler(event) {
  const request = event.request;
  // The address that the platform reports, whatever the caller sent.
  request.headers['x-viewer-address'] = {value: event.viewer.ip};
  // A comparison with NaN is false: without a number in the store the Supabase project serves the request.
  if (!(place(event.viewer.ip) < await percent())) {
    cf.selectRequestOriginById('supabase');
  }
  return request;
}

async function percent() {
  try {
    return Number(await cf.kvs().get('percent'));
  } catch (missing) {
    return 0;
  }
}

// 0 to 99, always the same for one address: a repeated request must reach the records of the first.
function place(address) {
  return parseInt(crypto.createHash('sha256').update(address).digest('hex').slice(0, 8), 16) % 100;
}
