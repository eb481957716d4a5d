-- Claim an idempotency key for a turn, or learn what became of the turn that has it.
--
-- KEYS: the claim (hash of fingerprint, turn, status: running or done, alive: until when its turn
--       surely lives, in milliseconds, answer).
-- ARGV: the request's fingerprint, turn id, lease in milliseconds.
-- Returns: {'claimed'}, {'conflict'} (the key was used for another request), {'running', turn} or
--       {'done', turn, answer}.
-- Safe to run twice: the turn that has the claim gets it again.

local fingerprint, turn, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
local had = redis.call('HMGET', KEYS[1], 'fingerprint', 'turn', 'status', 'alive', 'answer')
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local lives = had[3] == 'running' and had[2] ~= turn and tonumber(had[4]) >= now
if had[3] == 'done' or lives then
  if had[1] ~= fingerprint then return { 'conflict' } end
  return { had[3], had[2], had[5] or '' }
end
redis.call('HSET', KEYS[1], 'fingerprint', fingerprint, 'turn', turn, 'status', 'running',
  'alive', string.format('%.0f', now + lease))
redis.call('PEXPIRE', KEYS[1], math.max(lease * 10, 3600000))
return { 'claimed' }
