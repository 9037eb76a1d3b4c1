import type { Target } from './baseline.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { reportable } from './gateway-response.ts';

/** Whether a message can be read from Linq. Selects only its id. */
export async function checkMessage({ post, message }: Target): Promise<Finding | []> {
  if (message === undefined) return [];
  const { linqToken, ...key } = message;
  const query = 'query ($chatId: ID!, $id: ID!) { chatMessage(chatId: $chatId, id: $id) { id } }';
  const headers = linqToken === undefined ? {} : { 'x-linq-integration-token': linqToken };
  const { data, codes, sentAt, receivedAt } = await post(query, { headers }, key);
  const using = linqToken === undefined ? 'using the Linq token of the gateway' : 'using your Linq token';
  if (typeof data['chatMessage'] === 'object' && data['chatMessage'] !== null) {
    return ok(`read in ${receivedAt - sentAt} ms, ${using}`);
  }
  if (codes.length === 0) {
    return warn(`not found, ${using}`, 'pass an existing message from a chat that the credential may read');
  }
  return fail(`failed, ${using}: ${codes.map(reportable).join(', ')}`, 'see the error codes in docs/errors.md');
}
