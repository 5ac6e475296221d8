/** What was ordered, with the options that were chosen: below its name, in small. */
import type { OrderItem } from '@ordersync/client';
import { h } from './dom.js';

export function drawItemName({ name, options = [] }: OrderItem): HTMLElement {
  return h('span', {}, name, options.length > 0 && h('small', { class: 'options' }, options.map((option) => option.name).join(', ')));
}
