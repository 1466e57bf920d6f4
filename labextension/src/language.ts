import { ITranslator, nullTranslator, TranslationBundle } from '@jupyterlab/translation';

const DOMAIN = 'jupyter_mcp_proxy';

/**
 * What every text goes through that a person reads, by its method `__`.
 *
 * It is set once, before anything is shown; a text that stands in a constant of a module would be taken before.
 */
export let trans: TranslationBundle = nullTranslator.load(DOMAIN);

/** Speak the person's language from now on. */
export function speak(translator: ITranslator | null): void {
  trans = (translator ?? nullTranslator).load(DOMAIN);
}
