-- Make a session, with turns if it is a fork, and locked if a turn begins it.
--
-- ARGV: owner, the turn that begins it ('' for none), its lease in milliseconds, how many fields
--       follow, pairs of field and value, then the turns.
-- Returns: the session (_session.lua).
-- Safe to run twice: a session that is there already is left as it is. Ids are never reused.

local owner, turn, lease, pairs_end = ARGV[1], ARGV[2], ARGV[3], 4 + ARGV[4]

if redis.call('EXISTS', META) == 0 then
  local now = string.format('%.0f', now_ms())
  redis.call('HSET', META, 'v', SCHEMA, 'owner', owner, 'created', now, 'updated', now,
    'fence', 1, 'born_by', turn, 'count', #ARGV - pairs_end)
  set_fields(5, pairs_end)
  for index = pairs_end + 1, #ARGV do
    redis.call('RPUSH', TURNS, ARGV[index])
    redis.call('HSET', META, 'last', string.match(ARGV[index], '^%d+ (%S+)'))
  end
  touch()
  if turn ~= '' then
    redis.call('SET', LOCK, turn, 'PX', lease)
    redis.call('PEXPIRE', META, UNBORN_LEASES * lease)
  end
end
return session()
