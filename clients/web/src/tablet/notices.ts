/** Short messages at the edge of the screen. Most leave by themselves; those somebody must read wait for a tap. */
import { h } from '../common/dom.js';
import { t } from '../common/language.js';

const SHOWN_MS = 7_000;
/** More would hide the orders; the oldest give way. */
const MAX_SHOWN = 4;

export type NoticeKind = 'info' | 'warning';

export class Notices {
  readonly element = h('div', { class: 'notices', role: 'log', 'aria-live': 'polite' });

  show(text: string, kind: NoticeKind = 'info'): void {
    const close = () => notice.remove();
    const notice = h(
      'div',
      { class: 'notice', 'data-kind': kind },
      h('p', {}, text),
      h('button', { type: 'button', 'aria-label': t().dismiss, onclick: close }, '×'),
    );
    this.element.append(notice);
    while (this.element.children.length > MAX_SHOWN) this.element.firstElementChild?.remove();
    if (kind === 'info') setTimeout(close, SHOWN_MS);
  }
}
