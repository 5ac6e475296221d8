-- Adds an event to its restaurant's stream and tells the hubs: both, or neither (over maxmemory Redis refuses
-- XADD but would let a bare PUBLISH pass; a script is refused whole).
-- KEYS[1]: os:{rid}:log. ARGV: seq, envelope, how many events the stream keeps (about), channel,
-- the verb that publishes to it: PUBLISH, or SPUBLISH in a cluster.
-- Returns 1, or 0 when the stream already has this or a later event: then nothing is published, because
-- whoever published it has told the hubs, and a hub that missed this one repairs the gap by itself.
-- When the stream has another event of this number, it is of a history that PostgreSQL has lost (a standby that
-- lagged was promoted, or a backup restored): it begins anew with this event.
local number = ARGV[1] .. '-0'

local function add()
    return redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], number, 'e', ARGV[2])
end

local function event_id(envelope)
    return string.match(envelope, '"id":"([^"]+)"')
end

local function is_contradicted()
    local entry = redis.call('XRANGE', KEYS[1], number, number)[1]
    return entry and event_id(entry[2][2]) ~= event_id(ARGV[2])
end

local added = add()
if type(added) == 'table' and added.err then
    if not string.find(added.err, 'equal or smaller', 1, true) then
        return added
    end
    if not is_contradicted() then
        return 0
    end
    redis.call('DEL', KEYS[1])
    add()
end
redis.call(ARGV[5], ARGV[4], ARGV[2])
return 1
