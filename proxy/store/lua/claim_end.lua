-- Keep a turn's answer for replay, or drop the claim of a turn that came to nothing.
--
-- KEYS: as in claim.
-- ARGV: turn id, the answer ('' to drop a claim that has none yet), milliseconds to keep it, 1 to
--       drop the claim also if it has an answer, 1 if the answer can be given to repeats at once:
--       else they wait for it while the turn lives.
-- Returns: 1, or 0 when the turn does not have it. Safe to run twice.

local had = redis.call('HMGET', KEYS[1], 'turn', 'status')
if had[1] ~= ARGV[1] then return 0 end
if ARGV[2] ~= '' then
  local status = ARGV[5] == '1' and 'done' or had[2]
  redis.call('HSET', KEYS[1], 'status', status, 'answer', ARGV[2])
  return redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
if had[2] == 'running' or ARGV[4] == '1' then redis.call('DEL', KEYS[1]) end
return 1
