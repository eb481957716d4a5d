-- Enter a session into its owner's list, or move it up.
--
-- KEYS: the list by time of change, the list by time of expiry, what is shown of each, how many
--       turns each has.
-- ARGV: session id, ttl in milliseconds, number of turns, what is shown of it (the title to search
--       comes first, up to a NUL), 1 to show it in place of a title that was shown before.
-- Returns: 1. Safe to run twice. Up to ten sessions that have expired are taken out on the way.

local BY_CHANGE, BY_EXPIRY, SHOWN, COUNTS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, ttl = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

for _, old in ipairs(redis.call('ZRANGEBYSCORE', BY_EXPIRY, '-inf', now, 'LIMIT', 0, 10)) do
  redis.call('ZREM', BY_CHANGE, old)
  redis.call('ZREM', BY_EXPIRY, old)
  redis.call('HDEL', SHOWN, old)
  redis.call('HDEL', COUNTS, old)
end

redis.call('ZADD', BY_CHANGE, now, id)
redis.call('ZADD', BY_EXPIRY, now + ttl, id)
local before = redis.call('HGET', SHOWN, id)
if ARGV[5] == '1' or not before or string.byte(before) == 0 then
  redis.call('HSET', SHOWN, id, ARGV[4])
end
redis.call('HSET', COUNTS, id, ARGV[3])
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ttl) end
end
return 1
