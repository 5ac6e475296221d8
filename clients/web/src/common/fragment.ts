/**
 * Secrets reach a page in the fragment of its address, `#order=...&token=...`: unlike a query it is never sent to
 * a server and ends up in no log.
 */
export function readFragment(): URLSearchParams {
  return new URLSearchParams(location.hash.slice(1));
}

/** Takes the fragment out of the address bar and the history. */
export function removeFragment(): void {
  history.replaceState(null, '', location.pathname + location.search);
}
