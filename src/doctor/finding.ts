/** What a check found. What is not well comes with what to do about it. */
export type Finding =
  | { readonly level: 'ok' | 'note'; readonly says: string }
  | { readonly level: 'warn' | 'FAIL'; readonly says: string; readonly todo: string };

export type Level = Finding['level'];

export const ok = (says: string): Finding => ({ level: 'ok', says });
/** Neither well nor ill, but worth knowing. */
export const note = (says: string): Finding => ({ level: 'note', says });
/** May be meant; somebody should know that it is so. */
export const warn = (says: string, todo: string): Finding => ({ level: 'warn', says, todo });
export const fail = (says: string, todo: string): Finding => ({ level: 'FAIL', says, todo });
