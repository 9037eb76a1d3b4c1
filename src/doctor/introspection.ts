import type { Target } from './baseline.ts';
import { type Finding, fail, note, ok } from './finding.ts';

/** Whether introspection is enabled, and for whom. When it is disabled, errors must not suggest names from the schema. */
export async function checkIntrospection({ post, anonymousAccess, onLoopback }: Target): Promise<Finding> {
  const { data } = await post('{ __schema { queryType { name } } }');
  if ('__schema' in data) {
    if (anonymousAccess === 'none') return ok('enabled for callers with a credential');
    if (onLoopback) return ok('enabled');
    return note('enabled for everyone; INTROSPECTION=false hides the schema if it is not public');
  }
  const misspelled = await post('{ chatMesage(chatId: 1, id: 1) { id } }');
  if (/chatMessage/.test(misspelled.text)) {
    return fail('disabled, but errors suggest names from the schema', 'run a version that does not return suggestions');
  }
  return ok('disabled, and errors do not suggest names from the schema');
}
