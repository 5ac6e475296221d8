/** Asks for token and restaurant when the tablet was opened without its set-up link. */
import { h, show } from '../common/dom.js';
import { languageSwitch, t } from '../common/language.js';
import type { Session } from './session.js';

export function drawSignIn(parent: HTMLElement, problem: string | null, onDone: (session: Session) => void): void {
  const field = (name: string, label: string) =>
    h('label', {}, label, h('input', { name, required: true, autocomplete: 'off', spellcheck: 'false' }));
  const onSubmit = (event: Event) => {
    event.preventDefault();
    const entries = new FormData(event.target as HTMLFormElement);
    const read = (name: string) => String(entries.get(name)).trim();
    onDone({ token: read('token'), restaurantId: read('restaurant') });
  };
  show(
    parent,
    h(
      'main',
      { class: 'sign-in' },
      languageSwitch(),
      h('h1', {}, t().signInTitle),
      h('p', { class: 'soft' }, t().signInHint),
      problem && h('p', { class: 'problem', role: 'alert' }, problem),
      h(
        'form',
        { onsubmit: onSubmit },
        field('restaurant', t().signInRestaurant),
        field('token', t().signInToken),
        h('button', { class: 'button primary', type: 'submit' }, t().signIn),
      ),
    ),
  );
}
