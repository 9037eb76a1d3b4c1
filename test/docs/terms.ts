/** Words that the documentation does not use, and what it writes instead. Code, quoted titles and names of variables are not searched. */
export const terms: readonly { readonly not: RegExp; readonly write: string }[] = [
  { not: /\b(asks?|asked|asking)\b/i, write: 'request; sends a request to Linq' },
  { not: /\banswer(s|ed|ing)?\b/i, write: 'response; returns, responds with' },
  { not: /\b(tells|told)\b|\btell\b(?! the user)/i, write: 'returns, reports, names' },
  { not: /\bLinq says\b/i, write: 'Linq returns' },
  { not: /\b(stands?|stood) in line\b|\bha(s|ve) (its|their) place\b/i, write: 'waits, queued' },
  { not: /\b(some|any|no)body\b|\bwhoever\b/i, write: 'caller, client, anyone' },
  { not: /\b(is|are|was|were) gone\b|\bcallers? (that|who) left\b/i, write: 'leaves, disconnects; is canceled' },
  { not: /\bagain and again\b|\banew\b|\bby and by\b/i, write: 'retry, run again; after a short delay' },
  { not: /\b(house|room|door)s?\b/i, write: 'architecture, module, layer, entry point' },
  { not: /\bmend(s|ed|ing)?\b/i, write: 'fix' },
  { not: /\bown words?\b|\bverbatim\b|\bto the letter\b/i, write: 'unchanged, passed through as is' },
  { not: /\bso far (one of|known)\b|\bnew words may come\b/i, write: 'known values: …; others may be added' },
  { not: /\b(torments?|nonsense|flood(s|ed|ing)?|time of trouble)\b/i, write: 'overload, outage, malformed request' },
  { not: /\blast words?\b/i, write: 'grace period, flush' },
  { not: /\bha(s|ve) no say\b/i, write: 'does not depend on' },
  { not: /\bpasse[sd]? by\b/i, write: 'bypasses, ignores' },
  { not: /\b(behaviou|colou|honou|favou|neighbou)r/i, write: 'American spelling: -or' },
  { not: /\b(cancell(ed|ing)|travell|labell(ed|ing)|modell(ed|ing))/i, write: 'American spelling: canceled, labeled' },
  {
    not: /\b(recogni|seriali|normali|organi|initiali|minimi|optimi|authori|customi|summari)s(e|es|ed|ing|ation)\b/i,
    write: 'American spelling: -ize',
  },
];

/** Pages that still have such words, and how many; to be rewritten. A page that is not listed has none. */
export const pending: Readonly<Record<string, number>> = { 'CHANGELOG.md': 9, 'README.md': 10 };
