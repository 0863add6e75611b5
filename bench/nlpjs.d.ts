/** The part of nlp.js that the bench calls; its packages ship no types. */
declare module "@nlpjs/core" {
  export interface Container {
    use(plugin: unknown): void;
    registerConfiguration(tag: string, settings: object, override: boolean): void;
    get(name: "nlp"): import("@nlpjs/nlp").Nlp;
  }
  export function containerBootstrap(): Promise<Container>;
}
declare module "@nlpjs/nlp" {
  export class Nlp {
    settings: { autoSave: boolean };
    addLanguage(language: string): void;
    addDocument(language: string, text: string, intent: string): void;
    train(): Promise<void>;
    process(language: string, text: string): Promise<{ intent: string; score: number }>;
  }
}
declare module "@nlpjs/lang-en" {
  export const LangEn: unknown;
}
declare module "@nlpjs/lang-es" {
  export const LangEs: unknown;
}
declare module "@nlpjs/lang-pt" {
  export const LangPt: unknown;
}
