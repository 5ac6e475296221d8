-- A menu has changed: what was kept of it is no longer true, nor is what somebody has read before and not yet kept.
-- KEYS: the menu, the number of the event that changed it last. ARGV: that number; for how many seconds a reader may have been
-- slow.
local changed = redis.call('GET', KEYS[2])
if not changed or tonumber(changed) < tonumber(ARGV[1]) then
    redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
end
redis.call('DEL', KEYS[1])
return 1
