-- Begin the log of a turn that streams.
--
-- KEYS: meta (hash of v (_record.lua), owner, session, status: running or ended, alive: until when
--       its producer surely lives, in milliseconds, cancel), log (stream; an entry is a batch of
--       events, its id the last one's).
-- ARGV: owner, session id, lease in milliseconds, milliseconds to keep it.
-- Returns: 1. Safe to run twice.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', KEYS[1], 'v', SCHEMA, 'owner', ARGV[1], 'session', ARGV[2],
  'status', 'running', 'alive', string.format('%.0f', now + tonumber(ARGV[3])))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
