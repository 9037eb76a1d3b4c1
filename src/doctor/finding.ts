/** The result of a check. A problem comes with advice on how to fix it. */
export type Finding =
  | { readonly level: 'ok' | 'note'; readonly text: string }
  | { readonly level: 'warn' | 'FAIL'; readonly text: string; readonly advice: string };

export type Level = Finding['level'];

export const ok = (text: string): Finding => ({ level: 'ok', text });
/** Neither good nor bad, but useful to know. */
export const note = (text: string): Finding => ({ level: 'note', text });
/** Possibly intended; the operator should be aware of it. */
export const warn = (text: string, advice: string): Finding => ({ level: 'warn', text, advice });
export const fail = (text: string, advice: string): Finding => ({ level: 'FAIL', text, advice });
