-- Append events to a turn's log, say that its producer lives, and learn whether to cancel.
--
-- KEYS: as in turn_begin.
-- ARGV: the last event's number, the events ('' for none), lease in milliseconds, milliseconds to
--       keep the log, the turn's status.
-- Returns: 1 when somebody asked to cancel the turn, else 0.
-- Safe to run twice: events that are in the log already are not appended again. A turn that was
-- declared dead stays so.

local META, LOG = KEYS[1], KEYS[2]
local last, events, lease, keep, status = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]

if redis.call('HGET', META, 'status') ~= 'running' then return 1 end
if events ~= '' then
  local newest = redis.call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)
  if not newest[1] or tonumber(string.match(newest[1][1], '^%d+')) < tonumber(last) then
    redis.call('XADD', LOG, last .. '-0', 'e', events)
  end
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', META, 'status', status, 'alive', string.format('%.0f', now + lease))
redis.call('PEXPIRE', META, keep)
redis.call('PEXPIRE', LOG, keep)
return redis.call('HEXISTS', META, 'cancel')
