/**
 * Who orders: name, phone, address and a note. Checks what the server checks, so most mistakes are found before anything
 * is sent, and shows each problem at its field. What was typed survives redrawing.
 */
import { h, setText } from '../common/dom.js';
import { t } from '../common/language.js';
import type { Texts } from '../common/texts.js';

export type FieldName = 'name' | 'phone' | 'address' | 'note';
type Problem = (texts: Texts) => string;

interface Field {
  name: FieldName;
  label: 'name' | 'phone' | 'address' | 'noteOptional';
  max: number;
  required: boolean;
  autocomplete: string;
  pattern?: RegExp;
  type?: string;
}

const FIELDS: readonly Field[] = [
  { name: 'name', label: 'name', max: 100, required: true, autocomplete: 'name' },
  { name: 'phone', label: 'phone', max: 32, required: true, autocomplete: 'tel', type: 'tel', pattern: /^[+0-9 ()-]{5,}$/ },
  { name: 'address', label: 'address', max: 300, required: true, autocomplete: 'street-address' },
  { name: 'note', label: 'noteOptional', max: 300, required: false, autocomplete: 'off' },
];

export class GuestForm {
  private readonly problems = new Map<FieldName, Problem>();
  private readonly inputs = new Map<FieldName, HTMLInputElement>();
  private readonly rows = new Map<FieldName, { label: HTMLElement; problem: HTMLElement }>();
  readonly element = h('div', { class: 'guest' }, ...FIELDS.map((field) => this.createRow(field)));

  value(name: FieldName): string {
    return this.inputs.get(name)?.value.trim() ?? '';
  }

  /** False when something is missing or wrong; the first such field gets the focus. */
  check(): boolean {
    this.problems.clear();
    for (const field of FIELDS) {
      const problem = findProblem(field, this.value(field.name));
      if (problem) this.problems.set(field.name, problem);
    }
    this.render();
    return this.focusFirstProblem();
  }

  /** What the server found wrong with a field. */
  refuse(name: FieldName): void {
    this.problems.set(name, (texts) => texts.fieldRefused);
    this.render();
    this.focusFirstProblem();
  }

  render(): void {
    for (const { name, label } of FIELDS) {
      const problem = this.problems.get(name);
      const row = this.rows.get(name);
      const input = this.inputs.get(name);
      if (!row || !input) continue;
      setText(row.label, t()[label]);
      setText(row.problem, problem ? problem(t()) : '');
      if (problem) input.setAttribute('aria-invalid', 'true');
      else input.removeAttribute('aria-invalid');
    }
  }

  private focusFirstProblem(): boolean {
    const first = FIELDS.find(({ name }) => this.problems.has(name));
    if (first) this.inputs.get(first.name)?.focus();
    return first === undefined;
  }

  private createRow(field: Field): HTMLElement {
    const id = `guest-${field.name}`;
    const input = h('input', {
      id,
      name: field.name,
      type: field.type ?? 'text',
      'data-focus': id,
      autocomplete: field.autocomplete,
      maxlength: field.max,
      'aria-required': String(field.required),
      'aria-describedby': `${id}-problem`,
      oninput: () => this.problems.delete(field.name) && this.render(),
    });
    const label = h('label', { for: id });
    const problem = h('p', { id: `${id}-problem`, class: 'field-problem', role: 'alert' });
    this.inputs.set(field.name, input);
    this.rows.set(field.name, { label, problem });
    return h('div', { class: 'field' }, label, input, problem);
  }
}

function findProblem(field: Field, value: string): Problem | null {
  if (value === '') return field.required ? (texts) => texts.required : null;
  if ([...value].length > field.max) return (texts) => texts.tooLong(field.max);
  if (field.pattern && !field.pattern.test(value)) return (texts) => texts.phoneInvalid;
  return null;
}

/** Which field the server's INVALID_REQUEST names ('customer.phone' ...), if it is one of ours. */
export function fieldNamedIn(detail: string): FieldName | null {
  const named = /'(?:customer\.)?(\w+)'/.exec(detail)?.[1];
  return FIELDS.find(({ name }) => name === named)?.name ?? null;
}
