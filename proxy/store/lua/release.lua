-- End a turn that came to nothing: unlock the session; one that this turn began is no more.
--
-- ARGV: turn id.
-- Returns: 1. Safe to run twice.

local turn = ARGV[1]
if redis.call('GET', LOCK) == turn then redis.call('DEL', LOCK) end
if redis.call('HGET', META, 'born_by') == turn and redis.call('EXISTS', TURNS) == 0 then
  redis.call('DEL', META)
end
return 1
