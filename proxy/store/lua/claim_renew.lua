-- Hold a claim for a turn that is running.
--
-- KEYS: as in claim.
-- ARGV: turn id, lease in milliseconds.
-- Returns: 1, or 0 when the turn does not have it. Safe to run twice.

local had = redis.call('HMGET', KEYS[1], 'turn', 'status')
if had[1] ~= ARGV[1] or had[2] ~= 'running' then return 0 end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', KEYS[1], 'alive', string.format('%.0f', now + tonumber(ARGV[2])))
return 1
