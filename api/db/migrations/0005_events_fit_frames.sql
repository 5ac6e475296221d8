-- An event goes into a text frame as it is: one line, and not too long (shared/event.h). One that did not fit would
-- hold up its restaurant's whole stream, since nothing behind it could be delivered. So it cannot be written, and
-- the one order that it is about is refused instead.
ALTER TABLE order_events
    ADD CONSTRAINT order_events_fit_frames CHECK (octet_length(data) <= 60000 AND data !~ '[\u0001-\u001f]');
