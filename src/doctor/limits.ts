import { type Finding, ok, warn } from './finding.ts';
import type { Target } from './first-look.ts';

interface Limit {
  readonly variable: string;
  /** How much is sent, and of what: well beyond the default, and harmless where nothing refuses it. */
  readonly sent: string;
  readonly query: string;
  readonly variables?: object;
}

const times = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => text(i)).join(' ');

/** None of these asks anything of Linq, whether it is refused or not: they are invalid, or name no message. */
const limits: Limit[] = [
  {
    variable: 'MAX_BODY_BYTES',
    sent: '256 KiB of body',
    query: `{ __typename } #${'x'.repeat(262_144)}`,
  },
  {
    variable: 'MAX_TOKENS',
    sent: '20,000 tokens',
    query: `query ($unused: [Int] = [${times(20_000, () => '1')}]) { __typename }`,
  },
  {
    variable: 'MAX_DEPTH',
    sent: '100 levels of fields',
    query: `${'{ doctor '.repeat(99)}{ doctor ${'}'.repeat(100)}`,
  },
  {
    variable: 'MAX_ALIASES',
    sent: '1,000 aliases',
    query: `{ ${times(1_000, (index) => `a${index}: __typename`)} }`,
  },
  {
    variable: 'MAX_DIRECTIVES',
    sent: '300 directives',
    query: `{ ${times(300, () => '... @skip(if: true) { __typename }')} }`,
  },
  {
    variable: 'MAX_MESSAGES_PER_OPERATION',
    sent: '4,000 keys that are none',
    query: 'query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { id } }',
    variables: { keys: Array.from({ length: 4_000 }, () => ({ chatId: 0, id: 0 })) },
  },
];

/** Whether operations that cost too much are refused before they cost it. */
export async function checkLimits({ post }: Target): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { variable, sent, query, variables } of limits) {
    const { status, codes } = await post(query, {}, variables);
    if (status === 413 || codes.includes('OPERATION_TOO_COSTLY')) continue;
    findings.push(warn(`${sent} are not refused`, `lower ${variable}, unless it is that high on purpose`));
  }
  return findings.length > 0 ? findings : [ok('body, tokens, depth, aliases, directives and messages are bounded')];
}
