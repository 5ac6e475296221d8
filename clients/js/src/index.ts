export * from './api.js';
export { systemClock, type Clock } from './clock.js';
export * from './connection.js';
export * from './dashboard-connection.js';
export * from './events.js';
export type { FreshnessStatus } from './freshness.js';
export type { ConnectionState, ConnectionStatus, FinalReason, LinkOptions, TokenPurpose } from './link.js';
export type { AckState, Figures, Presence, ResetReason } from './messages.js';
export * from './position-store.js';
export {
  dashboardSocketUrl,
  orderSocketUrl,
  restaurantSocketUrl,
  type SocketConstructor,
  type SocketLike,
} from './socket-transport.js';
export type { ReloadReason, Snapshot } from './stream.js';
