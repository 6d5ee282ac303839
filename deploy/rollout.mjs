// Runs at the edge before each call of the functions: so many of a hundred callers are served here, the others by
// what the Supabase project runs. The number is the key `percent` of the store; without it, nobody is.
import cf from 'cloudfront';
import crypto from 'crypto';

async function handler(event) {
  const request = event.request;
  // What the address is by the platform's word, whatever the caller wrote.
  request.headers['x-viewer-address'] = {value: event.viewer.ip};
  // Also where the store holds no number: what is not a number is not more than any.
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

// 0 to 99, the same for one address whenever it calls: a repeated request must meet the books of the first.
function place(address) {
  return parseInt(crypto.createHash('sha256').update(address).digest('hex').slice(0, 8), 16) % 100;
}
