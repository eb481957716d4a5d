-- Append a turn's question and answer, and end the turn.
--
-- ARGV: turn id, fence, the turn's record, a title for a session that has none, the turn that this
--       one replaces ('' for none), then pairs of field and value that the turn changes.
-- Returns: 'ok', 'missing' (the session is gone), what is wrong with it (_session.lua: look) or
--       'lost' (the lease ran out and another turn or an undo came between).
-- Safe to run twice: a turn that is among the newest already is not appended again.

-- So many of the newest turns are looked through for one whose commit is repeated late.
local KNOWN = 32

local turn, fence, record, title, replaced = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local wrong, _, newest_fence, last = look()

if wrong == 'missing' then return wrong end
if last == turn then return 'ok' end
local opener = redis.call('HGET', META, 'opener')
if newest_fence ~= fence or opener and opener ~= turn then
  for _, newer in ipairs(redis.call('LRANGE', TURNS, -KNOWN, -2)) do
    if string.match(newer, '^%d+ (%S+)') == turn then return 'ok' end
  end
  return 'lost'
end

if replaced ~= '' and last ~= replaced then return 'lost' end
if wrong then return wrong end

if replaced ~= '' then redis.call('RPOP', TURNS) end
local count = redis.call('RPUSH', TURNS, record)
set_fields(6, #ARGV)
redis.call('HSET', META, 'last', turn, 'count', count, 'updated', string.format('%.0f', now_ms()))
if redis.call('HGET', META, 'title') == '' then redis.call('HSET', META, 'title', title) end
touch()
if redis.call('GET', LOCK) == turn then redis.call('DEL', LOCK) end
return 'ok'
