-- Adds an event to its restaurant's stream and tells the hubs: both, or neither (over maxmemory Redis refuses
-- XADD but would let a bare PUBLISH pass; a script is refused whole).
-- KEYS[1]: os:{rid}:log. ARGV: seq, envelope, how many events the stream keeps (about), channel.
-- Returns 1, or 0 when the stream already has this or a later event: then nothing is published, because
-- whoever published it has told the hubs, and a hub that missed this one repairs the gap by itself.
local added = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], ARGV[1] .. '-0', 'e', ARGV[2])
if type(added) == 'table' and added.err then
    if string.find(added.err, 'equal or smaller', 1, true) then
        return 0
    end
    return added
end
redis.call('PUBLISH', ARGV[4], ARGV[2])
return 1
