-- Change fields of a session.
--
-- ARGV: owner, then pairs of field and value.
-- Returns: false, or the session. Safe to run twice.

if not owned_by(ARGV[1]) then return false end
set_fields(2, #ARGV)
redis.call('HSET', META, 'updated', string.format('%.0f', now_ms()))
touch()
return session()
