/** Asks for what the page was opened without: whatever its link would have brought. */
import { h, show } from './dom.js';
import { languageSwitch, t } from './language.js';

export interface SignIn<Field extends string> {
  title: string;
  hint: string;
  /** Names of the fields and what is written above them. */
  fields: Record<Field, string>;
  problem: string | null;
  onDone(values: Record<Field, string>): void;
}

export function drawSignIn<Field extends string>(parent: HTMLElement, { title, hint, fields, problem, onDone }: SignIn<Field>): void {
  const names = Object.keys(fields) as Field[];
  const onSubmit = (event: Event) => {
    event.preventDefault();
    const entries = new FormData(event.target as HTMLFormElement);
    onDone(Object.fromEntries(names.map((name) => [name, String(entries.get(name)).trim()])) as Record<Field, string>);
  };
  show(
    parent,
    h(
      'main',
      { class: 'sign-in' },
      languageSwitch(),
      h('h1', {}, title),
      h('p', { class: 'soft' }, hint),
      problem && h('p', { class: 'problem', role: 'alert' }, problem),
      h(
        'form',
        { onsubmit: onSubmit },
        ...names.map((name) => h('label', {}, fields[name], h('input', { name, required: true, autocomplete: 'off', spellcheck: 'false' }))),
        h('button', { class: 'button primary', type: 'submit' }, t().signIn),
      ),
    ),
  );
}
