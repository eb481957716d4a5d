-- Read a turn's log; a turn whose producer died is ended here, for all readers alike.
--
-- KEYS: as in turn_begin.
-- ARGV: owner, the event to go on after, how many batches at most, the number that a dead turn's
--       last event is ahead of the log (a client may have seen events that never reached it), the
--       rest of that event behind its number, milliseconds to keep the log then.
-- Returns: false for a turn that is not this owner's, {'damaged'} or {status, batch, batch, ...}.
-- Safe to run twice: a turn is ended once.

local META, LOG = KEYS[1], KEYS[2]
local owner, after, count, ahead, epitaph, keep = unpack(ARGV)

local meta = redis.call('HMGET', META, 'owner', 'status', 'alive', 'v')
if meta[1] ~= owner then return false end
if not known_shape(meta[4]) or not meta[2] or not tonumber(meta[3]) then return { 'damaged' } end
local status = meta[2]

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if status == 'running' and now > tonumber(meta[3]) then
  local newest = redis.call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)
  local number = newest[1] and tonumber(string.match(newest[1][1], '^%d+')) or 0
  local id = string.format('%.0f', number + tonumber(ahead))
  redis.call('XADD', LOG, id .. '-0', 'e', 'id: ' .. id .. epitaph)
  status = 'ended'
  redis.call('HSET', META, 'status', status)
  redis.call('PEXPIRE', META, keep)
  redis.call('PEXPIRE', LOG, keep)
end

local reply = { status }
for _, entry in ipairs(redis.call('XRANGE', LOG, '(' .. after .. '-0', '+', 'COUNT', count)) do
  reply[#reply + 1] = entry[2][2]
end
return reply
