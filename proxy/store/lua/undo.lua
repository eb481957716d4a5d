-- Take the newest turn back.
--
-- ARGV: owner, the id of this undo.
-- Returns: {why not} (_session.lua: refusal), {'busy', milliseconds}, {'empty'} or {'ok', session}.
-- Safe to run twice: an undo that is the last already done is not done again.

local refused = refusal(ARGV[1])
if refused then return { refused } end
local busy = busy_for('')
if busy > 0 then return { 'busy', busy } end

if redis.call('HGET', META, 'undone_by') == ARGV[2] then return { 'ok', session() } end
if redis.call('LLEN', TURNS) == 0 then return { 'empty' } end
count(-1)
redis.call('RPOP', TURNS)
local newest = redis.call('LINDEX', TURNS, -1)
redis.call('HINCRBY', META, 'fence', 1)
redis.call('HSET', META, 'last', newest and string.match(newest, '^%d+ (%S+)') or '',
  'updated', string.format('%.0f', now_ms()), 'undone_by', ARGV[2])
touch()
return { 'ok', session() }
