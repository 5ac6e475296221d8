-- Keeps a menu that was read from PostgreSQL, unless it has changed since.
-- KEYS: the menu, the number of the event that changed it last, the lock of whoever reads it. ARGV: the number of the last
-- event that this menu has in it, the menu, and for how many ms it holds.
-- Returns 1, or 0 when it was outdated.
redis.call('DEL', KEYS[3])
local changed = redis.call('GET', KEYS[2])
if changed and tonumber(changed) > tonumber(ARGV[1]) then
    return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
