/** What a menu says about an item's options, and whether a choice among them is one that the server would take. */
import type { MenuItem, MenuOption, MenuOptionGroup } from '@ordersync/client';

/** One of them at most: radio buttons; several: checkboxes. */
export function isSingle(group: MenuOptionGroup): boolean {
  return group.max_choices === 1;
}

export function optionsOf(item: MenuItem): MenuOption[] {
  return item.option_groups.flatMap((group) => group.options);
}

/** What is chosen, in the menu's order. */
export function chosenOf(item: MenuItem, chosen: ReadonlySet<string>): MenuOption[] {
  return optionsOf(item).filter((option) => chosen.has(option.option_id));
}

export function countChosen(group: MenuOptionGroup, chosen: ReadonlySet<string>): number {
  return group.options.filter((option) => chosen.has(option.option_id)).length;
}

/** The first group of which too few or too many are chosen. */
export function findMiscounted(item: MenuItem, chosen: ReadonlySet<string>): MenuOptionGroup | undefined {
  return item.option_groups.find((group) => {
    const count = countChosen(group, chosen);
    return count < group.min_choices || count > group.max_choices;
  });
}

/** The choice after a tap: of a single choice this option alone (null: none), of several it comes or goes. */
export function choose(group: MenuOptionGroup, option: MenuOption | null, chosen: ReadonlySet<string>): Set<string> {
  const next = new Set(chosen);
  if (isSingle(group)) for (const { option_id } of group.options) next.delete(option_id);
  if (option && !next.delete(option.option_id)) next.add(option.option_id);
  return next;
}

/** Whether anybody can have it now: it is there, and of each group as many options as have to be chosen. */
export function isSoldOut(item: MenuItem): boolean {
  const lacksOptions = (group: MenuOptionGroup) => group.options.filter(({ available }) => available).length < group.min_choices;
  return !item.available || item.stock === 0 || item.option_groups.some(lacksOptions);
}
