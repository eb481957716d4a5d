-- Read a session and some of its turns.
--
-- ARGV: owner, first and last turn as LRANGE counts them.
-- Returns: false, or {session, turns}.

if not owned_by(ARGV[1]) then return false end
return { session(), redis.call('LRANGE', TURNS, ARGV[2], ARGV[3]) }
