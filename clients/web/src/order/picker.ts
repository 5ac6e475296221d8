/** The options of one item, to choose from before it goes into the cart. Draws what it is given; taps go to its owner. */
import type { MenuItem, MenuOption, MenuOptionGroup } from '@ordersync/client';
import { h, type Child } from '../common/dom.js';
import { t } from '../common/language.js';
import { choose, countChosen, isSingle } from './options.js';

export interface PickerContent {
  item: MenuItem;
  chosen: ReadonlySet<string>;
  /** The group that was left with too few or too many, once that has been tried. */
  miscounted: MenuOptionGroup | undefined;
  /** What the button says. */
  confirm: string;
  money(amount: number): string;
  onChoose(chosen: Set<string>): void;
  onConfirm(): void;
  onClose(): void;
}

export function drawPicker(content: PickerContent): HTMLElement {
  const { item, confirm, onConfirm, onClose } = content;
  const onSubmit = (event: Event) => {
    event.preventDefault();
    onConfirm();
  };
  return h(
    'form',
    { class: 'picker', novalidate: true, 'aria-label': t().chooseOptions(item.name), onsubmit: onSubmit },
    ...item.option_groups.map((group) => drawGroup(group, content)),
    h(
      'div',
      { class: 'picker-actions' },
      h('button', { class: 'button', type: 'button', 'data-action': 'close-picker', onclick: onClose }, t().back),
      h('button', { class: 'button primary', type: 'submit', 'data-action': 'confirm-options', 'data-focus': 'confirm-options' }, confirm),
    ),
  );
}

function drawGroup(group: MenuOptionGroup, content: PickerContent): HTMLElement {
  const isMiscounted = content.miscounted?.group_id === group.group_id;
  const problemId = `problem-${group.group_id}`;
  const hint = t().choices(group.min_choices, group.max_choices);
  return h(
    'fieldset',
    {
      'data-group-id': group.group_id,
      'aria-invalid': isMiscounted ? 'true' : undefined,
      'aria-describedby': isMiscounted ? problemId : undefined,
    },
    h('legend', {}, group.name, h('span', { class: 'hint' }, hint)),
    isSingle(group) && group.min_choices === 0 && drawNone(group, content),
    ...group.options.map((option) => drawOption(group, option, content)),
    isMiscounted && h('p', { id: problemId, class: 'field-problem', role: 'alert' }, hint),
  );
}

/* A radio button that was chosen cannot be unchosen, so that not to choose is one of them. */
function drawNone(group: MenuOptionGroup, { chosen, onChoose }: PickerContent): HTMLElement {
  const pick = () => onChoose(choose(group, null, chosen));
  const input = h('input', {
    type: 'radio',
    name: group.group_id,
    'data-focus': `none-${group.group_id}`,
    checked: countChosen(group, chosen) === 0,
    onchange: pick,
  });
  return h('label', {}, input, h('span', {}, t().noOption));
}

function drawOption(group: MenuOptionGroup, option: MenuOption, { chosen, money, onChoose }: PickerContent): HTMLElement {
  const isChosen = chosen.has(option.option_id);
  const isFull = !isSingle(group) && !isChosen && countChosen(group, chosen) >= group.max_choices;
  const input = h('input', {
    type: isSingle(group) ? 'radio' : 'checkbox',
    name: group.group_id,
    value: option.option_id,
    'data-focus': option.option_id,
    checked: isChosen,
    disabled: !option.available || isFull,
    onchange: () => onChoose(choose(group, option, chosen)),
  });
  return h(
    'label',
    { 'data-sold-out': option.available ? undefined : 'true' },
    input,
    h('span', {}, option.name),
    drawExtra(option, money),
  );
}

function drawExtra(option: MenuOption, money: PickerContent['money']): Child {
  if (!option.available) return h('span', { class: 'extra' }, t().soldOut);
  return option.extra_amount > 0 && h('span', { class: 'extra' }, `+${money(option.extra_amount)}`);
}
