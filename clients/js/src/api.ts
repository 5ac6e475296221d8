/**
 * The HTTP API (docs/openapi.yaml), typed. Every failure is an ApiError, whether the server refused, could not be
 * reached, or answered with something that is not ours; so a caller has one thing to catch.
 */
import type { Order, OrderAlert, OrderEventType, OrderStatus } from './events.js';

const TIMEOUT_MS = 20_000; // longer than the edge waits for its servers, so that it is the edge who gives up

export interface Customer {
  name: string;
  phone: string;
  address: string;
}

/** What staff, and a customer with an account, see of one order; the view by a tracking token lacks customer and notes. What was erased is null. */
export interface OrderDetails extends Order {
  customer?: { [Field in keyof Customer]: string | null };
  note?: string | null;
  /** What was written to single lines: their places in `items`. */
  line_notes?: { line: number; note: string }[];
}

export interface NewOrderItem {
  item_id: string;
  quantity: number;
  /** Ids: what is chosen of the item's groups of options. */
  options?: string[];
  note?: string;
}

export interface NewOrder {
  restaurant_id: string;
  items: NewOrderItem[];
  customer: Customer;
  note?: string;
}

/** What an order placed again may say: a customer with an account need not repeat who it is for. */
export type Reorder = Partial<Pick<NewOrder, 'customer' | 'note'>>;

export interface PlacedOrder {
  order: Order;
  /** A position of the order's own stream. */
  position: string;
  tracking_token: string;
  socket_url: string;
}

export interface OrderReply {
  order: OrderDetails;
  position: string;
}

export interface OrderPage {
  orders: Order[];
  next: string | null;
  /** A position of the restaurant's stream, from the same snapshot as the orders. */
  position: string;
}

/** Of a customer's own orders, which are of several restaurants and so have no common position. */
export type OwnOrderPage = Omit<OrderPage, 'position'>;

export interface MenuOption {
  option_id: string;
  name: string;
  extra_amount: number;
  available: boolean;
}

/** Of its options an order takes min_choices to max_choices. */
export interface MenuOptionGroup {
  group_id: string;
  name: string;
  min_choices: number;
  max_choices: number;
  options: MenuOption[];
}

export interface MenuItem {
  item_id: string;
  category_id: string;
  name: string;
  description: string;
  /** What it costs now. */
  unit_amount: number;
  /** What it costs when no price rule holds. */
  usual_amount: number;
  image_url: string | null;
  allergens: string[];
  tags: string[];
  option_groups: MenuOptionGroup[];
  available: boolean;
  /** null: not counted. */
  stock: number | null;
  version: number;
}

export interface Menu {
  restaurant: { restaurant_id: string; name: string; currency: string; accepting: boolean };
  categories: { category_id: string; name: string; description: string }[];
  items: MenuItem[];
}

/** What is sold out may be there again by itself. */
interface Availability {
  available: boolean;
  /** From then on what is not available is there again; null: when somebody says so. RFC 3339. */
  sold_out_until: string | null;
}

export interface OwnMenuItem extends Availability {
  id: string;
  category_id: string;
  name: string;
  stock: number | null;
  [member: string]: unknown;
}

export interface OwnMenuOption extends Availability {
  id: string;
  group_id: string;
  name: string;
  [member: string]: unknown;
}

/** A menu as its restaurant has written it: what its people work with. */
export interface OwnMenu {
  restaurant_id: string;
  time_zone: string;
  categories: { id: string; name: string }[];
  items: OwnMenuItem[];
  option_groups: { id: string; item_id: string; name: string }[];
  options: OwnMenuOption[];
}

/** Ids of items and options which are sold out, or there again. */
export interface SoldOutChange {
  items?: string[];
  options?: string[];
  sold_out: boolean;
  /** Of what is sold out: until then, RFC 3339; without it, until somebody says otherwise. */
  until?: string;
}

/** A restaurant as everybody may see it. Times are RFC 3339. */
export interface Restaurant {
  restaurant_id: string;
  name: string;
  description: string;
  currency: string;
  time_zone: string;
  /** The switch; whether it takes orders now is `open`. */
  accepting: boolean;
  open: boolean;
  /** null: it is open, or nobody knows. */
  opens_at: string | null;
  closes_at: string | null;
  paused_until: string | null;
  pause_reason: string | null;
  busy_until: string | null;
  /** How long an order takes now; null: it does not say. */
  prep_minutes: number | null;
  version: number;
}

/** What a restaurant has chosen. Times in seconds. */
export interface RestaurantSettings {
  /** Without a device for so long, the restaurant is unreachable. */
  offline_after_s: number;
  /** Whether new orders are then refused. */
  refuse_when_unreachable: boolean;
  display_within_s: number;
  accept_within_s: number;
  /** When an order that nobody has accepted is rejected; null: never. */
  reject_after_s: number | null;
  /* What older servers do not know; a PUT without them leaves them as they are. */
  accepting?: boolean;
  /** After so long an order is accepted by the system; null: people accept. */
  auto_accept_after_s?: number | null;
  /** How many minutes an order usually takes; null: nothing is said. */
  prep_minutes?: number | null;
}

export interface DeviceList {
  restaurant_id: string;
  /** null: no device has ever come. */
  reachable: boolean | null;
  since: string | null;
  /** left_at is null while it is connected. */
  devices: { device: string; connected_at: string; left_at: string | null }[];
}

export type TimelineEntry = { at: string } & (
  | { kind: 'event'; type: OrderEventType; version: number; by: string | null; user_id: string | null; device: string | null }
  | { kind: 'received' | 'displayed'; device: string }
  | {
      kind: 'escalation';
      step: number;
      reason: OrderAlert['reason'];
      action: 'alert' | 'webhook' | 'sms' | 'call' | 'email';
      waiting_ms: number;
      outcome: 'waiting' | 'done' | 'skipped' | 'failed';
      detail: string | null;
      finished_at: string | null;
    }
);

/** What has happened to an order, who did it, and which devices it reached; ascending by time. */
export interface Timeline {
  order_id: string;
  restaurant_id: string;
  status: OrderStatus;
  entries: TimelineEntry[];
  /** The names of the restaurant's own people among those who did something. */
  people: { user_id: string; name: string }[];
}

export type OrderAction = 'accept' | 'reject' | 'estimate' | 'prepare' | 'ready' | 'complete' | 'cancel';

export interface ChangeOptions {
  reason?: string;
  /** Of accept and estimate: in how many minutes the order will be ready, or when. One of the two. */
  ready_in_min?: number;
  ready_at?: string;
  /** The version the change starts from; another one is a conflict. */
  version?: number;
  /** Of an admin or of somebody with several restaurants: which one. */
  restaurantId?: string;
  /** The same key with the same change is done once, however often it is sent. */
  idempotencyKey?: string;
  /** On which device it is done, by the name that it has on its socket: for the timeline. */
  device?: string;
}

export interface ListOptions {
  /** The customer's number, however it is written. */
  phone?: string;
  status?: readonly OrderStatus[];
  /** Created at that time or later, and before that one. */
  from?: Date;
  to?: Date;
  /** The order's total. */
  minAmount?: number;
  maxAmount?: number;
  /** What people call an order by. */
  code?: string;
  limit?: number;
  after?: string;
  restaurantId?: string;
}

/** The fields of an application/problem+json body (RFC 9457) that callers branch on. */
export interface Problem {
  status: number;
  code: string;
  detail: string;
  request_id?: string;
  [member: string]: unknown;
}

export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly problem: Problem,
    /** What the server's Retry-After asks for. */
    readonly retryAfterMs: number | null = null,
  ) {
    super(`${problem.code}: ${problem.detail}`);
  }

  /** 0: no answer at all. */
  get status(): number {
    return this.problem.status;
  }

  /** The stable upper-case name; `UNREACHABLE` and `UNEXPECTED_REPLY` are this client's own. */
  get code(): string {
    return this.problem.code;
  }

  /** Of an ORDER_CONFLICT: the order as it is now. */
  get order(): Order | null {
    return (this.problem['order'] as Order | undefined) ?? null;
  }

  /** Of an ORDER_CONFLICT: the role of whoever was first. */
  get changedBy(): string | null {
    return (this.problem['changed_by'] as string | undefined) ?? null;
  }

  /** Of a refused item: which one. */
  get itemId(): string | null {
    return (this.problem['item_id'] as string | undefined) ?? null;
  }

  /** Of refused options: the place of their line in the order's `items`. */
  get line(): number | null {
    return (this.problem['line'] as number | undefined) ?? null;
  }

  /** Of a refused option: which one. */
  get optionId(): string | null {
    return (this.problem['option_id'] as string | undefined) ?? null;
  }

  /** Of a RESTAURANT_CLOSED: when it will take orders again, if that is known. RFC 3339. */
  get opensAt(): string | null {
    return (this.problem['opens_at'] as string | undefined) ?? null;
  }

  /** Of an OPTION_COUNT: the group of which too few or too many options were chosen. */
  get groupId(): string | null {
    return (this.problem['group_id'] as string | undefined) ?? null;
  }
}

export interface ApiOptions {
  /** Default: the page's own origin. */
  baseUrl?: string;
  getToken?(): Promise<string> | string;
  fetch?: typeof fetch;
  /** The server's clock, from each reply that tells it; devices' own clocks are often wrong. */
  onServerTime?(time: Date): void;
}

interface Call {
  method: 'GET' | 'POST' | 'PUT';
  path: string;
  query?: Record<string, string | undefined>;
  body?: unknown;
  idempotencyKey?: string | undefined;
}

export class OrderSyncApi {
  constructor(private readonly options: ApiOptions = {}) {}

  createOrder(order: NewOrder, idempotencyKey?: string): Promise<PlacedOrder> {
    return this.call({ method: 'POST', path: '/orders', body: order, idempotencyKey });
  }

  getOrder(orderId: string): Promise<OrderReply> {
    return this.call({ method: 'GET', path: `/orders/${encodeURIComponent(orderId)}` });
  }

  /** The orders that the customer whose token it is has placed. */
  listOwnOrders({ limit, after }: Pick<ListOptions, 'limit' | 'after'> = {}): Promise<OwnOrderPage> {
    return this.call({ method: 'GET', path: '/orders/mine', query: { limit: limit?.toString(), after } });
  }

  /** The same items again, at today's prices. */
  reorder(orderId: string, order: Reorder = {}, idempotencyKey?: string): Promise<PlacedOrder> {
    return this.call({ method: 'POST', path: `/orders/${encodeURIComponent(orderId)}/reorder`, body: order, idempotencyKey });
  }

  changeOrder(orderId: string, action: OrderAction, options: ChangeOptions = {}): Promise<OrderReply> {
    const { idempotencyKey, restaurantId, ...body } = options;
    const id = encodeURIComponent(orderId);
    const isCancel = action === 'cancel';
    return this.call({
      method: 'POST',
      path: isCancel ? `/orders/${id}/cancel` : `/restaurants/me/orders/${id}/${action}`,
      query: isCancel ? {} : { restaurant_id: restaurantId },
      body,
      idempotencyKey,
    });
  }

  listOrders(options: ListOptions = {}): Promise<OrderPage> {
    const { phone, status, from, to, minAmount, maxAmount, code, limit, after, restaurantId } = options;
    return this.call({
      /* A phone number has no place in a URL. */
      ...(phone === undefined
        ? { method: 'GET', path: '/restaurants/me/orders' }
        : { method: 'POST', path: '/restaurants/me/orders/search', body: { phone } }),
      query: {
        status: status?.join(','),
        from: from?.toISOString(),
        to: to?.toISOString(),
        min_amount: minAmount?.toString(),
        max_amount: maxAmount?.toString(),
        code,
        limit: limit?.toString(),
        after,
        restaurant_id: restaurantId,
      },
    });
  }

  /**
   * Every page of the list. The position is that of the first page: later pages are later snapshots, and
   * events which they contain already are recognised by the orders' versions.
   */
  async listAllOrders(options: Omit<ListOptions, 'after'> = {}): Promise<{ orders: Order[]; position: string }> {
    const first = await this.listOrders(options);
    const orders = new Map(first.orders.map((order) => [order.order_id, order]));
    for (let next = first.next; next; ) {
      const page = await this.listOrders({ ...options, after: next });
      for (const order of page.orders) orders.set(order.order_id, order);
      next = page.next;
    }
    return { orders: [...orders.values()], position: first.position };
  }

  getMenu(restaurantId: string): Promise<Menu> {
    return this.call({ method: 'GET', path: `/restaurants/${encodeURIComponent(restaurantId)}/menu` });
  }

  getRestaurant(restaurantId: string): Promise<Restaurant> {
    return this.call({ method: 'GET', path: `/restaurants/${encodeURIComponent(restaurantId)}` });
  }

  getTimeline(orderId: string): Promise<Timeline> {
    return this.call({ method: 'GET', path: `/orders/${encodeURIComponent(orderId)}/timeline` });
  }

  /* restaurantId is for admins and for those with several restaurants. */

  getOwnMenu(restaurantId?: string): Promise<OwnMenu> {
    return this.call({ method: 'GET', path: '/restaurants/me/menu', query: { restaurant_id: restaurantId } });
  }

  /** The ids of those that the menu has. */
  setSoldOut(change: SoldOutChange, restaurantId?: string): Promise<{ changed: string[] }> {
    return this.call({ method: 'POST', path: '/restaurants/me/menu/sold-out', query: { restaurant_id: restaurantId }, body: change });
  }

  getSettings(restaurantId?: string): Promise<RestaurantSettings & { restaurant_id: string }> {
    return this.call({ method: 'GET', path: '/restaurants/me/settings', query: { restaurant_id: restaurantId } });
  }

  /** All of them at once. */
  putSettings(settings: RestaurantSettings, restaurantId?: string): Promise<RestaurantSettings & { restaurant_id: string }> {
    const { offline_after_s, refuse_when_unreachable, display_within_s, accept_within_s, reject_after_s, accepting, auto_accept_after_s, prep_minutes } = settings;
    return this.call({
      method: 'PUT',
      path: '/restaurants/me/settings',
      query: { restaurant_id: restaurantId },
      body: { offline_after_s, refuse_when_unreachable, display_within_s, accept_within_s, reject_after_s, accepting, auto_accept_after_s, prep_minutes },
    });
  }

  listDevices(restaurantId?: string): Promise<DeviceList> {
    return this.call({ method: 'GET', path: '/restaurants/me/devices', query: { restaurant_id: restaurantId } });
  }

  private async call<Reply>(call: Call): Promise<Reply> {
    const response = await this.send(call);
    const date = response.headers.get('Date');
    if (date) this.options.onServerTime?.(new Date(date));
    const body = await readJson(response);
    if (response.ok && body) return body as Reply;
    throw new ApiError(asProblem(response.status, body), retryAfterMs(response.headers.get('Retry-After')));
  }

  private async send({ method, path, query, body, idempotencyKey }: Call): Promise<Response> {
    const token = await this.options.getToken?.();
    const headers: Record<string, string> = { Accept: 'application/json' };
    if (token) headers['Authorization'] = `Bearer ${token}`;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (idempotencyKey) headers['Idempotency-Key'] = idempotencyKey;
    const url = `${this.options.baseUrl ?? ''}/api/v1${path}${queryString(query)}`;
    const init: RequestInit = { method, headers, cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) };
    if (body !== undefined) init.body = JSON.stringify(body);
    try {
      return await (this.options.fetch ?? fetch)(url, init);
    } catch (error) {
      throw new ApiError({ status: 0, code: 'UNREACHABLE', detail: String(error) });
    }
  }
}

function queryString(query: Call['query'] = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, value);
  const text = parameters.toString();
  return text && `?${text}`;
}

/* null: not JSON, such as a proxy's own error page; or cut off on the way. */
async function readJson(response: Response): Promise<object | null> {
  try {
    const value: unknown = await response.json();
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

function asProblem(status: number, body: object | null): Problem {
  const { code, detail } = (body ?? {}) as Partial<Problem>;
  if (typeof code === 'string') return { ...body, status, code, detail: typeof detail === 'string' ? detail : '' };
  return { status, code: 'UNEXPECTED_REPLY', detail: `HTTP ${status}` };
}

/* Seconds only: the other form, a date, depends on the device's clock. */
function retryAfterMs(header: string | null): number | null {
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : null;
}
