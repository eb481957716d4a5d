-- Change fields of a session.
--
-- ARGV: owner, then pairs of field and value.
-- Returns: {why not} (_session.lua: look) or {'ok', session}. Safe to run twice.

local wrong, count = look(ARGV[1])
if wrong then return { wrong } end
set_fields(2, #ARGV)
redis.call('HSET', META, 'updated', string.format('%.0f', now_ms()))
touch()
return { 'ok', session(count) }
