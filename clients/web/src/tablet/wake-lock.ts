/** Keeps the screen on. The browser takes the lock away whenever the page is hidden, so it is asked for again. */
export function keepScreenOn(): void {
  const request = () => {
    if (document.visibilityState !== 'visible' || !('wakeLock' in navigator)) return;
    /* Refused on low battery, and again on the next occasion allowed: nothing to do about it. */
    navigator.wakeLock.request('screen').catch(() => {});
  };
  document.addEventListener('visibilitychange', request);
  request();
}
