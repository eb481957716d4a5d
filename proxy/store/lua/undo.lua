-- Take the newest turn back.
--
-- ARGV: owner, the id of this undo.
-- Returns: {why not} (_session.lua: look), {'busy', milliseconds}, {'empty'} or {'ok', session}.
-- Safe to run twice: an undo that is the last already done is not done again.

local wrong, count = look(ARGV[1])
if wrong then return { wrong } end
local busy = busy_for('')
if busy > 0 then return { 'busy', busy } end

if redis.call('HGET', META, 'undone_by') == ARGV[2] then return { 'ok', session() } end
if not redis.call('RPOP', TURNS) then return { 'empty' } end
local newest = redis.call('LINDEX', TURNS, -1)
redis.call('HINCRBY', META, 'fence', 1)
redis.call('HSET', META, 'last', newest and string.match(newest, '^%d+ (%S+)') or '',
  'count', count - 1, 'updated', string.format('%.0f', now_ms()), 'undone_by', ARGV[2])
touch()
return { 'ok', session() }
