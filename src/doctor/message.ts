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
  const token = linqToken === undefined ? 'the Linq token of the gateway' : 'your Linq token';
  if (typeof data['chatMessage'] === 'object' && data['chatMessage'] !== null) {
    return ok(`The message was read in ${receivedAt - sentAt} ms with ${token}.`);
  }
  if (codes.length === 0) {
    return warn(
      `The message was not found with ${token}.`,
      'Pass an existing message of a chat that the credential may read.',
    );
  }
  return fail(
    `The message could not be read with ${token}: ${codes.map(reportable).join(', ')}.`,
    'See the error codes in docs/errors.md.',
  );
}
