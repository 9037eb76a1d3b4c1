import { randomUUID } from 'node:crypto';
import type { Target } from './baseline.ts';
import { type Finding, fail, note, ok, warn } from './finding.ts';

/** Certificates are usually renewed earlier, so a shorter remaining time means that the renewal failed. */
const minDaysLeft = 14;

export async function checkTls({ graphql, onLoopback, certificateEndsAt }: Target): Promise<Finding> {
  if (graphql.protocol === 'http:') {
    if (onLoopback) return ok('The address is plain HTTP, which is safe on loopback.');
    return fail(
      'The address is plain HTTP, so tokens and messages are sent unencrypted.',
      'Put a TLS proxy in front of the gateway.',
    );
  }
  const end = certificateEndsAt()?.getTime() ?? 0;
  const days = Math.floor((end - Date.now()) / 86_400_000);
  if (days >= minDaysLeft) return ok(`The certificate is valid for ${days} more days.`);
  return warn(`The certificate expires in ${days} days.`, 'Check why it has not been renewed.');
}

/** Whether callers can choose a valid request id, by which they find their request in the log of the gateway. */
export async function checkRequestId({ post }: Target): Promise<Finding> {
  const idFor = async (id: string) =>
    (await post('{ __typename }', { headers: { 'x-request-id': id } })).headers['x-request-id'];
  const sent = `doctor-${randomUUID()}`;
  const returned = await idFor(sent);
  if (returned === undefined) {
    return fail('Responses have no x-request-id.', 'Let the proxy forward it: it identifies a request in the log.');
  }
  if (returned !== sent) {
    return warn(
      'A valid x-request-id is replaced.',
      "Let the proxy forward the caller's, otherwise callers cannot refer to their request.",
    );
  }
  return ok('A valid x-request-id is returned.');
}

/** Whether a long response is compressed for clients that accept it, and arrives intact. */
export async function checkCompression({ post }: Target): Promise<Finding> {
  const name = 'd'.repeat(500);
  const query = `{ ${[1, 2, 3, 4].map((index) => `${name}${index}: __typename`).join(' ')} }`; // above 1 kB
  const { headers, data } = await post(query, { headers: { 'accept-encoding': 'gzip' } });
  const encoding = headers['content-encoding'];
  if (!(`${name}4` in data)) {
    return fail(
      encoding === undefined ? 'A long response does not arrive whole.' : 'A compressed response cannot be read.',
      'Make sure that the proxy neither changes bodies nor compresses them again.',
    );
  }
  if (encoding !== undefined) return ok('Long responses are compressed.');
  return note('Long responses are not compressed: COMPRESSION is false, or a proxy does not forward Accept-Encoding.');
}
