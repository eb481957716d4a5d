-- Begin a turn in a session that is there: check its owner, lock it, read the newest turns.
--
-- ARGV: owner, turn id, lease in milliseconds, tokens of history to read at most when the session
--       has no window of its own, the same when the turn names its model ('' when it does not),
--       1 to leave the newest turn out because it is being answered anew.
-- Returns: {why not} (_session.lua: look), {'busy', milliseconds}, {'empty'} (nothing to answer
--       anew) or {'ok', fence, session, turns, the turn that was left out}.
-- Safe to run twice: the turn that holds the lock gets the same fence again.

local owner, turn, lease, window, named, anew = unpack(ARGV)

local wrong, count, fence = look(owner)
if wrong then return { wrong } end
local busy = busy_for(turn)
if busy > 0 then return { 'busy', busy } end

local newest = anew == '1' and redis.call('LINDEX', TURNS, -1) or false
if anew == '1' and not newest then return { 'empty' } end

if redis.call('GET', LOCK) ~= turn then
  fence = redis.call('HINCRBY', META, 'fence', 1)
  redis.call('HSET', META, 'opener', turn)
end
redis.call('SET', LOCK, turn, 'PX', lease)

-- Turns are read from the newest, a few at a time, until the window is full: what a turn costs
-- does not grow with the session.
local own = tonumber(redis.call('HGET', META, 'window') or '')
local left = tonumber(named) or own or tonumber(window)
local last = newest and count - 2 or count - 1
local turns = {}
while last >= 0 and left > 0 do
  local batch = redis.call('LRANGE', TURNS, math.max(0, last - 31), last)
  for index = #batch, 1, -1 do
    left = left - tonumber(string.match(batch[index], '^%d+') or 0)
    if left < 0 then break end
    turns[#turns + 1] = batch[index]
  end
  last = last - 32
end
return { 'ok', tonumber(fence), session(count), turns, newest }
