/**
 * The language of the page: the one chosen here before, else the browser's. Pages draw themselves anew when
 * it changes.
 */
import { h } from './dom.js';
import { texts, type Texts } from './texts.js';

export type Language = keyof typeof texts;

const STORAGE_KEY = 'ordersync.language';
const NAMES: Record<Language, string> = { ko: '한국어', en: 'English' };

let current: Language = 'en';
const listeners: (() => void)[] = [];

export function chooseLanguage(stored: string | null, wanted: readonly string[]): Language {
  const known = [stored, ...wanted.map((tag) => tag.slice(0, 2))].find((name) => name !== null && name in texts);
  return (known as Language | undefined) ?? 'en';
}

/** Call once, before anything is drawn; onChange draws. */
export function startLanguage(onChange: () => void): void {
  listeners.push(onChange);
  use(chooseLanguage(readStored(), navigator.languages));
}

export function language(): Language {
  return current;
}

/** The texts of the current language. */
export function t(): Texts {
  return texts[current];
}

/** A switch between the languages, each named in itself. */
export function languageSwitch(): HTMLElement {
  const buttons = (Object.keys(NAMES) as Language[]).map((name) =>
    h(
      'button',
      {
        type: 'button',
        lang: name,
        'data-language': name,
        'data-focus': `language-${name}`,
        'aria-pressed': String(name === current),
        onclick: () => choose(name),
      },
      NAMES[name],
    ),
  );
  return h('div', { class: 'languages', role: 'group', 'aria-label': t().language }, ...buttons);
}

function choose(name: Language): void {
  try {
    localStorage.setItem(STORAGE_KEY, name);
  } catch {
    /* Private windows refuse; then the choice lasts as long as the page. */
  }
  use(name);
  for (const listener of listeners) listener();
}

function use(name: Language): void {
  current = name;
  document.documentElement.lang = name;
}

function readStored(): string | null {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}
