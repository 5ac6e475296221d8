-- The items that were ordered most. KEYS: the days' sets. ARGV[1]: at most so many. Returns item, count, item, ...
local union = {'ZUNION', #KEYS}
for _, key in ipairs(KEYS) do
    union[#union + 1] = key
end
union[#union + 1] = 'WITHSCORES'
local all = redis.call(unpack(union)) -- ascending
local best = {}
for place = #all - 1, 1, -2 do
    if #best == 2 * tonumber(ARGV[1]) then
        break
    end
    best[#best + 1] = all[place]
    best[#best + 1] = all[place + 1]
end
return best
