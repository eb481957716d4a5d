-- Read a session and some of its turns.
--
-- ARGV: owner, first and last turn as LRANGE counts them.
-- Returns: {why not} (_session.lua: refusal) or {'ok', session, turns}.

local refused = refusal(ARGV[1])
if refused then return { refused } end
return { 'ok', session(), redis.call('LRANGE', TURNS, ARGV[2], ARGV[3]) }
