-- Delete a session with its turns.
--
-- ARGV: owner.
-- Returns: 1, or 0 when there is none of this owner's.

if not owned_by(ARGV[1]) then return 0 end
redis.call('DEL', META, TURNS, LOCK)
return 1
