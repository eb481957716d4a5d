-- Ask the producer of a turn to stop.
--
-- KEYS: as in turn_begin.
-- ARGV: owner.
-- Returns: false for a turn that is not this owner's, {'damaged'} or {status, session id}. Safe to
--       run twice.

local meta = redis.call('HMGET', KEYS[1], 'owner', 'status', 'session', 'v')
if meta[1] ~= ARGV[1] then return false end
if not known_shape(meta[4]) or not meta[2] or not meta[3] then return { 'damaged' } end
if meta[2] == 'running' then redis.call('HSET', KEYS[1], 'cancel', 1) end
return { meta[2], meta[3] }
