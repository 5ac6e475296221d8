export * from './api.js';
export { systemClock, type Clock } from './clock.js';
export * from './connection.js';
export * from './events.js';
export type { AckState, ResetReason } from './messages.js';
export * from './position-store.js';
export { orderSocketUrl, restaurantSocketUrl, type SocketConstructor, type SocketLike } from './socket-transport.js';
