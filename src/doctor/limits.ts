import type { Target } from './baseline.ts';
import { type Finding, ok, warn } from './finding.ts';

interface Limit {
  readonly variable: string;
  /** What the query contains: far above the default limit, and harmless if it is not refused. */
  readonly sent: string;
  readonly query: string;
  readonly variables?: object;
}

const times = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => text(i)).join(' ');

/** None of these reaches Linq, refused or not: each is invalid or refers to no message. */
const limits: Limit[] = [
  {
    variable: 'MAX_BODY_BYTES',
    sent: 'a body of 256 KiB',
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
    variable: 'MAX_READS_PER_OPERATION',
    sent: '4,000 malformed keys',
    query: 'query ($keys: [ChatMessageKey!]!) { chatMessagesByKeys(keys: $keys) { id } }',
    variables: { keys: Array.from({ length: 4_000 }, () => ({ chatId: 0, id: 0 })) },
  },
];

/** Whether operations above the limits are refused before they are executed. */
export async function checkLimits({ post }: Target): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { variable, sent, query, variables } of limits) {
    const { status, codes } = await post(query, {}, variables);
    if (status === 413 || codes.includes('OPERATION_TOO_COSTLY')) continue;
    findings.push(warn(`not refused: ${sent}`, `lower ${variable}, unless it is intentionally high`));
  }
  return findings.length > 0 ? findings : [ok('body size, tokens, depth, aliases, directives and reads are limited')];
}
