/** Asks why an order is refused: one tap for the common reasons, a line of text for the others. */
import { h } from '../common/dom.js';
import { t } from '../common/language.js';

const MAX_LENGTH = 200;

/** null: the person changed their mind. */
export function askReason(title: string, confirmLabel: string): Promise<string | null> {
  return new Promise((resolve) => {
    const other = h('input', { type: 'text', name: 'other', maxlength: MAX_LENGTH, required: true, autocomplete: 'off' });
    const otherForm = h(
      'form',
      { method: 'dialog', class: 'other-reason', onsubmit: () => (dialog.returnValue = other.value.trim()) },
      h('label', {}, t().reasonOtherLabel, other),
      h('button', { class: 'button danger', type: 'submit' }, confirmLabel),
    );
    const dialog = h(
      'dialog',
      { class: 'reason-dialog', 'aria-labelledby': 'reason-title', onclose: () => done() },
      h('h2', { id: 'reason-title' }, title),
      h('p', { class: 'soft' }, t().reasonHint),
      h('div', { class: 'reasons' }, ...t().reasons.map((reason) => choice(reason))),
      h('details', {}, h('summary', {}, t().reasonOther), otherForm),
      h('button', { class: 'button quiet', type: 'button', 'data-action': 'back', onclick: () => dialog.close('') }, t().back),
    );
    function choice(reason: string): HTMLElement {
      const pick = () => dialog.close(reason);
      return h('button', { class: 'button', type: 'button', 'data-reason': reason, onclick: pick }, reason);
    }
    function done(): void {
      dialog.remove();
      resolve(dialog.returnValue || null);
    }
    document.body.append(dialog);
    dialog.showModal();
  });
}
