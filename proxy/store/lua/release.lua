-- End a turn that came to nothing: unlock the session; one that this turn began is no more.
--
-- ARGV: turn id.
-- Returns: 1. Safe to run twice.

local turn = ARGV[1]
if redis.call('GET', LOCK) == turn then redis.call('DEL', LOCK) end
if unborn(turn) then redis.call('DEL', META) end
return 1
