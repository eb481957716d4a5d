-- Change fields of a session.
--
-- ARGV: owner, then pairs of field and value.
-- Returns: {why not} (_session.lua: refusal) or {'ok', session}. Safe to run twice.

local refused = refusal(ARGV[1])
if refused then return { refused } end
set_fields(2, #ARGV)
redis.call('HSET', META, 'updated', string.format('%.0f', now_ms()))
touch()
return { 'ok', session() }
