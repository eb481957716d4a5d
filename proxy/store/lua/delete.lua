-- Delete a session with its turns, a damaged one too.
--
-- KEYS: as in _session.lua, then the id of the delete that ended the session.
-- ARGV: owner, the id of this delete, milliseconds to keep it.
-- Returns: 1; 0 when there is none of this owner's; -1 when it is no hash, and names no owner.
-- Safe to run twice: a delete that is done already is answered as it was.

if redis.call('GET', KEYS[4]) == ARGV[2] then return 1 end
local owner = redis.pcall('HGET', META, 'owner')
if type(owner) == 'table' then return string.find(owner.err, 'WRONGTYPE') and -1 or owner end
if owner ~= ARGV[1] then return 0 end
redis.call('DEL', META, TURNS, LOCK)
redis.call('SET', KEYS[4], ARGV[2], 'PX', ARGV[3])
return 1
