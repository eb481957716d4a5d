-- Read a session and some of its turns.
--
-- ARGV: owner, first and last turn as LRANGE counts them.
-- Returns: {why not} (_session.lua: look) or {'ok', session, turns}.

local wrong, count = look(ARGV[1])
if wrong then return { wrong } end
return { 'ok', session(count), redis.call('LRANGE', TURNS, ARGV[2], ARGV[3]) }
