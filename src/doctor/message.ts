import { word } from './answer.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import type { Target } from './first-look.ts';

/** Whether a message can be read, all the way from Linq. Asks for nothing of it but its id. */
export async function checkMessage({ post, message }: Target): Promise<Finding | []> {
  if (message === undefined) return [];
  const { linqToken, ...key } = message;
  const query = 'query ($chatId: ID!, $id: ID!) { chatMessage(chatId: $chatId, id: $id) { id } }';
  const headers = linqToken === undefined ? {} : { 'x-linq-integration-token': linqToken };
  const { data, codes, between } = await post(query, { headers }, key);
  const whose = linqToken === undefined ? "with the gateway's Linq token" : 'with your Linq token';
  if (typeof data['chatMessage'] === 'object' && data['chatMessage'] !== null) {
    return ok(`read in ${between[1] - between[0]} ms, ${whose}`);
  }
  if (codes.length === 0) {
    return warn(`not known to Linq, ${whose}`, 'name one that is there, in a chat that the credential may read');
  }
  return fail(`not read, ${whose}: ${codes.map(word).join(', ')}`, 'see what the README says of this code');
}
