-- Counts what was ordered, unless somebody has counted it. KEYS: the mark, then the days' sets. ARGV: what the mark must be (''
-- when there is none), what it will be, for how many seconds all is kept, and day, item and quantity of what was ordered,
-- by day. Returns 1, or 0 when the mark is another.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
    return 0
end
local set, day = 1, nil
for place = 4, #ARGV, 3 do
    if ARGV[place] ~= day then
        day = ARGV[place]
        set = set + 1
    end
    redis.call('ZINCRBY', KEYS[set], ARGV[place + 2], ARGV[place + 1])
end
for place = 2, #KEYS do
    redis.call('EXPIRE', KEYS[place], ARGV[3])
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
