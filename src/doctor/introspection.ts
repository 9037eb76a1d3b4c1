import { type Finding, fail, note, ok } from './finding.ts';
import type { Target } from './first-look.ts';

/** Whether the schema can be explored, and by whom. Where it cannot, no mistake may be answered with names of it. */
export async function checkIntrospection({ post, anybody, onLoopback }: Target): Promise<Finding> {
  const { data } = await post('{ __schema { queryType { name } } }');
  if ('__schema' in data) {
    if (anybody === 'nothing') return ok('answered, to callers with a credential');
    if (onLoopback) return ok('answered');
    return note('answered to anybody; INTROSPECTION=false hides the schema, where it is not public');
  }
  const slip = await post('{ chatMesage(chatId: 1, id: 1) { id } }');
  if (/chatMessage/.test(slip.text)) {
    return fail(
      'refused, but mistakes are answered with names of the schema',
      'run a version that leaves suggestions out',
    );
  }
  return ok('refused, and no mistake is answered with names of the schema');
}
