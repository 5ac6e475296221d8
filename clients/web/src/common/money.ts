/** Amounts travel as integers in the currency's minor unit; how many digits that is, Intl knows (KRW: none). */
export function formatMoney(minorAmount: number, currency: string, locale: string): string {
  const format = new Intl.NumberFormat(locale, { style: 'currency', currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 0;
  return format.format(minorAmount / 10 ** digits);
}
