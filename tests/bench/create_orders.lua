-- wrk script: POST /api/v1/orders, each for one of the seeded restaurants, two lines, with a key of its own.
-- Arguments: restaurants, requests that go out together (pipelining).
local restaurants, depth, prefix, count = 1, 1, "", 0
local headers = {["Content-Type"] = "application/json"}

function init(arguments)
    restaurants, depth = tonumber(arguments[1]), tonumber(arguments[2])
    local random = assert(io.open("/dev/urandom", "rb"))
    prefix = random:read(8):gsub(".", function(byte) return string.format("%02x", byte:byte()) end)
    random:close()
    math.randomseed(tonumber(prefix:sub(1, 7), 16))
end

local function item(restaurant, number) -- as seed_restaurants.sql derives it
    return string.format('{"item_id":"01890000-0000-7000-8000-1%03x000%05x","quantity":1}', number,
                         0x10000 + restaurant)
end

local function order()
    local restaurant, first = math.random(0, restaurants - 1), math.random(1, 9)
    local body = string.format(
        '{"restaurant_id":"01890000-0000-7000-8000-0000000%05x","items":[%s,%s],' ..
        '"customer":{"name":"Test Customer","phone":"+82 10 0000 0000",' ..
        '"address":"1 Example-ro, Example-gu, 00000, building 2, door 3"}}',
        0x10000 + restaurant, item(restaurant, first), item(restaurant, first + 1))
    count = count + 1
    headers["Idempotency-Key"] = prefix .. count
    return wrk.format("POST", "/api/v1/orders", headers, body)
end

function request()
    if depth == 1 then
        return order()
    end
    local orders = {}
    for i = 1, depth do
        orders[i] = order()
    end
    return table.concat(orders)
end
-- The figures are report.lua's, which lies beside this file.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")
