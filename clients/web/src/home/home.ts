/** The front door of a demo: links to the other pages. */
import { app, h, show } from '../common/dom.js';
import { languageSwitch, startLanguage, t } from '../common/language.js';

/** The restaurant that `ordersync-api seed` makes. */
const DEMO_RESTAURANT = '01890000-0000-7000-8000-000000000001';

function draw(): void {
  document.title = 'OrderSync';
  const door = (title: string, hint: string, href?: string) =>
    h('li', {}, href ? h('a', { href }, h('b', {}, title), h('span', {}, hint)) : h('p', {}, h('b', {}, title), h('span', {}, hint)));
  show(
    app(),
    h('header', { class: 'top' }, h('b', { class: 'brand' }, 'OrderSync'), languageSwitch()),
    h(
      'main',
      {},
      h('h1', {}, t().homeTitle),
      h('p', { class: 'soft' }, t().homeLead),
      h(
        'ul',
        { class: 'doors' },
        door(t().homeOrder, t().homeOrderHint, `/order/#restaurant=${DEMO_RESTAURANT}`),
        door(t().homeTablet, t().homeTabletHint, '/tablet/'),
        door(t().homeDashboard, t().homeDashboardHint, '/dashboard/'),
        door(t().homeTrack, t().homeTrackHint),
      ),
    ),
  );
}

startLanguage(draw);
draw();
