-- Adds what a process has counted of a client's requests to what all have, and returns the sums.
-- KEYS[1]: os:rate:{who}. ARGV: number of the window, cost, how long the key is of use (ms).
-- A hash: w, the number of the latest window, c, what was counted in it, p, in the one before.
-- Returns {w, p, c}. A cost of the window before goes to p, one that is older is of no use to anybody.
local window, cost = tonumber(ARGV[1]), tonumber(ARGV[2])
local known = redis.call('HMGET', KEYS[1], 'w', 'p', 'c')
local latest, previous, current = tonumber(known[1]) or window, tonumber(known[2]) or 0, tonumber(known[3]) or 0

if window > latest then
    previous = window == latest + 1 and current or 0
    current = 0
    latest = window
end
if window == latest then
    current = current + cost
elseif window == latest - 1 then
    previous = previous + cost
end
redis.call('HSET', KEYS[1], 'w', latest, 'p', previous, 'c', current)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {latest, previous, current}
