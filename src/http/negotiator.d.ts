/** What is used of negotiator 1.1.0, which has no types; those of DefinitelyTyped lack `preferred`. */
declare module 'negotiator' {
  export default class Negotiator {
    constructor(request: { readonly headers: { readonly accept?: string; readonly 'accept-encoding'?: string } });
    /** All that are accepted, by preference. */
    mediaTypes(): string[];
    mediaType(available: readonly string[]): string | undefined;
    /** `preferred` decides between codings of the same weight. */
    encoding(available: readonly string[], options: { readonly preferred: readonly string[] }): string | undefined;
  }
}
