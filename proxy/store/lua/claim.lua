-- Claim an idempotency key for a turn, or learn what became of the turn that has it.
--
-- KEYS: the claim (hash of v (_record.lua), owner, fingerprint, turn, status: running or done,
--       alive: until when its turn surely lives, in milliseconds, answer: of a turn that is
--       running one that its worker has not yet been sure of).
-- ARGV: the request's fingerprint, turn id, lease in milliseconds, owner.
-- Returns: {'claimed'}, {'damaged'}, {'conflict'} (the key was used for another request),
--       {'running', turn} or {'done', turn, answer}.
-- Safe to run twice: the turn that has the claim gets it again.

local fingerprint, turn, lease, owner = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local had = redis.call('HMGET', KEYS[1], 'fingerprint', 'turn', 'status', 'alive', 'answer', 'v',
  'owner')
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local ends = had[3] == 'running' and tonumber(had[4]) or had[3] == 'done' and had[5]
local whole = known_shape(had[6]) and (had[7] or owner) == owner and had[1] and had[2] and ends
if not whole and redis.call('EXISTS', KEYS[1]) == 1 then return { 'damaged' } end

local lives = had[3] == 'running' and had[2] ~= turn and tonumber(had[4]) >= now
if had[5] or lives then
  if had[1] ~= fingerprint then return { 'conflict' } end
  return { lives and 'running' or 'done', had[2], had[5] or '' }
end
redis.call('HSET', KEYS[1], 'v', SCHEMA, 'owner', owner, 'fingerprint', fingerprint, 'turn', turn,
  'status', 'running', 'alive', string.format('%.0f', now + lease))
redis.call('PEXPIRE', KEYS[1], math.max(lease * 10, 3600000))
return { 'claimed' }
